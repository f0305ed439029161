import type { IdleResource } from './driven.ts'
import { compare } from './judge.ts'
import { defaultLimits } from './limits.ts'
import { isOpen } from './machine.ts'
import type { RolloutPlan } from './plan.ts'
import type { RolloutProgress } from './progress.ts'
import type { RolloutKind } from './state.ts'
import { answersOf } from './tally.ts'
import { durationText, percentText, secondsText, stepText } from './words.ts'

/** A rollout as people ask for it. */
export type RolloutStatus = {
  readonly kind: RolloutKind
  readonly namespace: string
  readonly name: string
  /** Undefined while it can't be read. */
  readonly plan: RolloutPlan | undefined
  /** Undefined while nobody has begun to drive it. */
  readonly progress: RolloutProgress | undefined
}

/** Characters of a terminal line. */
const width = 80

const header = ['', 'WEIGHT', 'ANSWERS', 'ERRORS', 'TTFT P90', 'TOKENS/S'] as const
/** Of the columns after the first, which has the rest. */
const columnWidths = [8, 10, 9, 11, 11] as const
const nameWidth = width - columnWidths.reduce((sum, each) => sum + each, 0)

/** One block of lines for each rollout, at most 80 characters wide. @param nowMs since 1970 */
export function statusLines({ kind, namespace, name, plan, progress }: RolloutStatus, nowMs: number): string[] {
  const title = titleOf({ kind, namespace, name })
  if (progress === undefined)
    return [title, ...wrapped('no state yet: see that signalbox controller runs, or signalbox rollout drive')]
  const { phase, step, since, waitsFor, message, target, weightPercent } = progress
  const seen = Date.parse(since)
  const age = Number.isNaN(seen) ? '' : ` for ${durationText(Math.max(0, nowMs - seen)) || '0s'}`
  const isMoving = isOpen(progress) && weightPercent > 0
  const at = isMoving ? `, ${stepText(step, plan)}` : ''
  const watched = phase === 'Progressing' ? watchedText(progress, plan) : ''
  return [
    title,
    ...wrapped(`${phase}${at}${age}${watched}`),
    ...wrapped(waitsFor === '' ? message : `${message}; ${waitsFor}`),
    columns(header),
    columns([target, percentText(weightPercent), ...figuresOf(progress, 'target')]),
    columns(['stable', percentText(100 - weightPercent), ...figuresOf(progress, 'stable')]),
  ]
}

/** The lines for a resource whose steps have no effect. */
export const idleLines = ({ kind, namespace, name, why }: IdleResource): string[] => [
  titleOf({ kind, namespace, name }),
  ...wrapped(why),
]

const titleOf = ({ kind, namespace, name }: Pick<RolloutStatus, 'kind' | 'namespace' | 'name'>): string =>
  `${kind.toLowerCase()}/${name} in ${namespace}`

function watchedText({ watchedMs, step }: RolloutProgress, plan: RolloutPlan | undefined): string {
  const forMs = plan?.steps[step]?.forMs ?? 0
  return forMs === 0 ? '' : `, ${durationText(Math.min(watchedMs, forMs)) || '0s'} of ${durationText(forMs)} watched`
}

function figuresOf({ seen, limits = defaultLimits, step }: RolloutProgress, side: 'target' | 'stable'): string[] {
  const [errors, ttft, speed] = compare(seen, limits, step).map((each) => each[side])
  return [
    String(answersOf(seen[side])),
    errors === undefined ? '-' : percentText(errors * 100),
    ttft === undefined ? '-' : secondsText(ttft),
    speed === undefined ? '-' : String(Number(speed.toPrecision(3))),
  ]
}

/** The first column begins at the left, all others end below each other. */
function columns([name, ...cells]: readonly string[]): string {
  const room = nameWidth - 3
  const first = name.length > room ? `${name.slice(0, room - 1)}…` : name
  return `  ${first.padEnd(nameWidth - 2)}${cells.map((cell, at) => cell.padStart(columnWidths[at])).join('')}`
}

function wrapped(text: string): string[] {
  const lines: string[] = []
  let line = ' '
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > width && line.trim() !== '') {
      lines.push(line)
      line = ' '
    }
    line += ` ${word}`
  }
  return [...lines, line]
}

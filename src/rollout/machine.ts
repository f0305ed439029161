import { judge, type Sides, type Verdict } from './judge.ts'
import { defaultLimits } from './limits.ts'
import type { DeclaredRollout, RolloutPlan } from './plan.ts'
import type { RolloutProgress } from './progress.ts'
import type { RolloutPhase } from './state.ts'
import { addTally, emptyTally } from './tally.ts'
import { brokenText, durationText, limitText, percentText, stepText } from './words.ts'

/** What was seen of a rollout since it was looked at before. */
export type Observation = {
  readonly sides: Sides
  /** Time that was watched since then, milliseconds, by a clock that never jumps. */
  readonly elapsedMs: number
  /** Why not all of the replicas could be seen; undefined when all were. */
  readonly blindness: string | undefined
}

const timeText = (epochMs: number): string => `${new Date(epochMs).toISOString().slice(0, 19)}Z`

const nothingSeen: Sides = { target: emptyTally, stable: emptyTally }

/**
 * One step of a rollout's life: what it is after an observation. All that it depends on is in its arguments, so who takes over from
 * another, or begins again after a crash, goes on from what was written last. The weight grows by one step at a time and only after a good
 * verdict, but for the first step, which none can precede; what is rolled back or aborted has none until the rollout is begun anew.
 * @param before undefined for a rollout that is not known yet
 * @param nowMs since 1970, for people: no decision goes by it
 */
export function advance(
  before: RolloutProgress | undefined,
  { target, plan }: DeclaredRollout,
  observation: Observation,
  nowMs: number,
): RolloutProgress {
  const now = timeText(nowMs)
  if (plan === undefined) return hold(before, target, observation, now)
  const current =
    before === undefined || beginsAnew(before, plan) ? begin(target, plan, now) : placed(before, plan, now)
  const limited = { ...current, limits: plan.limits, waitsFor: '' }
  switch (limited.phase) {
    case 'RolledBack':
    case 'Aborted':
      // Whatever people have written into the state.
      return { ...limited, weightPercent: 0 }
    case 'Completed':
      return plan.state === 'aborted' ? abort(limited, now) : limited
    case 'Waiting':
    case 'Progressing':
    case 'Paused':
      break
  }
  if (plan.state === 'aborted') return abort(limited, now)
  // What was seen was seen at the step before.
  const seen = current === before ? observation : { ...observation, sides: nothingSeen, elapsedMs: 0 }
  const { progress, verdict } = watch(limited, seen, now, plan)
  if (verdict.kind === 'bad') return progress
  if (plan.state === 'paused') return pause(progress, plan, now)
  // Begun a moment ago at this step, by a change of the plan.
  const isNew = current !== before && current.weightPercent > 0
  return isNew ? progress : goOn(progress, plan, verdict, seen, now)
}

const beginsAnew = (before: RolloutProgress, plan: RolloutPlan): boolean =>
  before.target !== plan.target || (plan.restartedAt !== undefined && plan.restartedAt !== before.restartedAt)

const begin = (target: string, plan: RolloutPlan | undefined, now: string): RolloutProgress => ({
  target,
  weightPercent: 0,
  phase: 'Waiting',
  step: 0,
  startedAt: now,
  since: now,
  watchedMs: 0,
  blindMs: 0,
  restartedAt: plan?.restartedAt,
  seen: nothingSeen,
  limits: plan?.limits,
  message: `${target} gets nothing yet`,
  waitsFor: '',
})

/** A rollout of which nobody knows any more how far it was: the target gets nothing until people begin it anew. */
export function lost({ target, plan }: DeclaredRollout, nowMs: number): RolloutProgress {
  const message = `its state could not be read, so ${target} gets nothing: begin anew`
  const now = timeText(nowMs)
  return { ...begin(target, plan, now), phase: 'Aborted', message }
}

/** There is something to watch, or to wait for. */
export const isOpen = ({ phase }: RolloutProgress): boolean =>
  phase === 'Waiting' || phase === 'Progressing' || phase === 'Paused'

/** Where a rollout stands in a plan that may have been changed meanwhile: at the last step that has no more than its weight. */
function placed(before: RolloutProgress, plan: RolloutPlan, now: string): RolloutProgress {
  if (before.phase === 'RolledBack' || before.phase === 'Aborted' || before.weightPercent === 0) return before
  const step = Math.max(
    0,
    plan.steps.findLastIndex(({ weightPercent }) => weightPercent <= before.weightPercent),
  )
  const isLast = step === plan.steps.length - 1
  const isSame = plan.steps[step].weightPercent === before.weightPercent
  if (isSame && before.step === step && (isLast || before.phase !== 'Completed')) return before
  const entered = enter(before, plan, step, now)
  // What was seen at this weight still counts, and so does the time.
  return isSame ? { ...entered, seen: before.seen, watchedMs: before.watchedMs } : entered
}

/** At the beginning of a step. The last one is the end where it has no time. */
function enter(before: RolloutProgress, plan: RolloutPlan, step: number, now: string): RolloutProgress {
  const { weightPercent, forMs } = plan.steps[step]
  const entered = { ...before, step, weightPercent, since: now, watchedMs: 0, seen: nothingSeen, waitsFor: '' }
  if (forMs === 0) return complete(entered, now)
  return { ...entered, phase: 'Progressing', message: atStepText(step, plan) }
}

const complete = (before: RolloutProgress, now: string): RolloutProgress =>
  change(before, 'Completed', `${before.target} has ${percentText(before.weightPercent)}, the last step`, now)

const change = (before: RolloutProgress, phase: RolloutPhase, message: string, now: string): RolloutProgress => ({
  ...before,
  phase,
  message,
  since: before.phase === phase ? before.since : now,
  waitsFor: '',
})

const abort = (before: RolloutProgress, now: string): RolloutProgress => ({
  ...change(before, 'Aborted', `aborted at ${percentText(before.weightPercent)}: ${before.target} gets nothing`, now),
  weightPercent: 0,
})

/** The plan can't be read: no step is taken, and the last limits hold. */
function hold(
  before: RolloutProgress | undefined,
  target: string,
  observation: Observation,
  now: string,
): RolloutProgress {
  const waitsFor = 'its annotations can not be read: the condition Accepted, or signalbox check, says which'
  if (before === undefined) return { ...begin(target, undefined, now), waitsFor }
  return { ...(isOpen(before) ? watch(before, observation, now, undefined).progress : before), waitsFor }
}

/** Takes in what was seen, and rolls back if that breaks a limit. A pause does not suspend the limits. */
function watch(
  before: RolloutProgress,
  { sides }: Observation,
  now: string,
  plan: RolloutPlan | undefined,
): { readonly progress: RolloutProgress; readonly verdict: Verdict } {
  if (before.weightPercent === 0) return { progress: before, verdict: { kind: 'undecided', why: 'answers' } }
  const seen = {
    target: addTally(before.seen.target, sides.target),
    stable: addTally(before.seen.stable, sides.stable),
  }
  const { limits = defaultLimits, step, weightPercent } = before
  const progress = { ...before, seen }
  const verdict = judge(seen, limits, step)
  if (verdict.kind !== 'bad') return { progress, verdict }
  const { broken } = verdict
  const where = `${stepText(step, plan)} (${percentText(weightPercent)})`
  const message = `rolled back from ${where} by ${limitText(broken.limit, limits)}: ${brokenText(broken, seen)}`
  return { progress: { ...change(progress, 'RolledBack', message, now), weightPercent: 0 }, verdict }
}

function pause(before: RolloutProgress, plan: RolloutPlan, now: string): RolloutProgress {
  const { target, weightPercent, step } = before
  const at = weightPercent === 0 ? 'before the first step' : `at ${stepText(step, plan)}`
  return change(before, 'Paused', `paused ${at}: ${target} keeps ${percentText(weightPercent)}`, now)
}

function goOn(
  before: RolloutProgress,
  plan: RolloutPlan,
  verdict: Verdict,
  { elapsedMs, blindness }: Observation,
  now: string,
): RolloutProgress {
  if (before.weightPercent === 0) {
    if (blindness === undefined) return enter(before, plan, 0, now)
    return { ...change(before, 'Waiting', `${plan.target} gets nothing yet`, now), waitsFor: blindness }
  }
  if (blindness !== undefined) {
    const blind = { ...before, blindMs: before.blindMs + elapsedMs }
    // One that is restarted can't be seen for a moment.
    if (blind.blindMs >= longestBlindMs || before.phase === 'Waiting') return wait(blind, plan, blindness, now)
    return { ...proceed(blind, plan, now), waitsFor: blindness }
  }
  const watched = { ...before, blindMs: 0, watchedMs: before.watchedMs + elapsedMs }
  const { step, weightPercent } = watched
  if (watched.watchedMs < plan.steps[step].forMs) return proceed(watched, plan, now)
  // With all of the requests there is nobody left to compare with.
  if (verdict.kind !== 'good' && weightPercent < 100) return wait(watched, plan, lackText(verdict, plan), now)
  return step === plan.steps.length - 1 ? complete(watched, now) : enter(watched, plan, step + 1, now)
}

/** Replicas may be out of sight for so long before the rollout is said to wait. */
const longestBlindMs = 30_000

/** At a step that goes on. */
const proceed = (before: RolloutProgress, plan: RolloutPlan, now: string): RolloutProgress =>
  change(before, 'Progressing', atStepText(before.step, plan), now)

function wait(before: RolloutProgress, plan: RolloutPlan, waitsFor: string, now: string): RolloutProgress {
  const { target, step, weightPercent } = before
  const message = `waits at ${stepText(step, plan)}: ${target} keeps ${percentText(weightPercent)}`
  return { ...change(before, 'Waiting', message, now), waitsFor }
}

function atStepText(step: number, plan: RolloutPlan): string {
  const { weightPercent, forMs } = plan.steps[step]
  return `${stepText(step, plan)}: ${plan.target} has ${percentText(weightPercent)} for ${durationText(forMs)}`
}

function lackText(verdict: Verdict, { limits }: RolloutPlan): string {
  const why = verdict.kind === 'undecided' ? verdict.why : 'answers'
  switch (why) {
    case 'answers':
      return `waits for ${limits.samples} answers of each side (samples=${limits.samples})`
    case 'times':
      return 'no answer tells its time: Envoy has to show Signalbox the answers, by response_body_mode STREAMED'
    default:
      return `${limitText(why, limits)} seems to be broken, by too few answers to tell that from chance`
  }
}

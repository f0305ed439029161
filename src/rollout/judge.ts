import { evidenceAbove, shareAtMost } from './evidence.ts'
import type { RolloutLimits } from './limits.ts'
import { answersOf, countAbove, failuresOf, quantileOf, type Spread, sizeOf, type Tally } from './tally.ts'

/** What a target and the stable ones have done side by side since a step began. */
export type Sides = { readonly target: Tally; readonly stable: Tally }

export type LimitName = 'errors' | 'ttft-p90' | 'tokens-per-second'

/** One limit, and how both sides stand to it. */
export type Comparison = {
  readonly limit: LimitName
  /** Share of failed answers from 0 to 1, seconds, or tokens per second; undefined without answers. */
  readonly target: number | undefined
  readonly stable: number | undefined
  /** The figures break the limit, be it by chance. */
  readonly isOver: boolean
  /** A target within the limit would look as bad as this, at any time, with no more than this chance. */
  readonly chance: number
}

/** Answers are too few; none of them tells its times, as Envoy does not show them; or a limit seems to be broken, but that may be chance. */
export type Doubt = 'answers' | 'times' | LimitName

export type Verdict =
  | { readonly kind: 'good' }
  | { readonly kind: 'undecided'; readonly why: Doubt }
  | { readonly kind: 'bad'; readonly broken: Comparison }

/**
 * Of rollouts whose targets are just within all limits at most so many are rolled back, whatever the number of looks, steps and
 * answers: the sum of {@link testChance} and {@link stableChance} over all limits and steps. Of targets as good as the stable ones there
 * are far fewer, as each limit leaves room.
 */
export const falseAlarms = 0.02

/** A limit is only tested with the first so many hits: one answer tells nothing, whatever the arithmetic says. */
const leastHits = 2

/** Errors are the rarest to be seen, so they get most of the chance that an alarm is false; each step has half of what is left. */
const limitShares: Readonly<Record<LimitName, number>> = {
  errors: 1 / 2,
  'ttft-p90': 1 / 4,
  'tokens-per-second': 1 / 4,
}
const chanceAt = (limit: LimitName, step: number): number => falseAlarms * limitShares[limit] * 2 ** -(step + 1)

/** Most of it is for the test itself, the rest for what is taken for true of the stable targets. */
const testChance = (limit: LimitName, step: number): number => 0.75 * chanceAt(limit, step)
const stableChance = (limit: LimitName, step: number): number => 0.25 * chanceAt(limit, step)

/** How both sides stand to each limit. @param step index, from 0 */
export function compare(sides: Sides, limits: RolloutLimits, step: number): readonly Comparison[] {
  return [
    compareErrors(sides, limits.errorPoints / 100, step),
    compareSpread('ttft-p90', sides.target.ttft, sides.stable.ttft, limits.ttftP90Ratio, step),
    speedOf(
      compareSpread(
        'tokens-per-second',
        sides.target.tokenTime,
        sides.stable.tokenTime,
        1 / limits.tokensPerSecondRatio,
        step,
      ),
    ),
  ]
}

/** @param step index, from 0 */
export function judge(sides: Sides, limits: RolloutLimits, step: number): Verdict {
  const comparisons = compare(sides, limits, step)
  const broken = comparisons.find(({ limit, chance }) => chance <= testChance(limit, step))
  if (broken !== undefined) return { kind: 'bad', broken }
  const doubt = doubtOf(sides, limits, comparisons)
  return doubt === undefined ? { kind: 'good' } : { kind: 'undecided', why: doubt }
}

function doubtOf(
  { target, stable }: Sides,
  { samples }: RolloutLimits,
  comparisons: readonly Comparison[],
): Doubt | undefined {
  if (Math.min(answersOf(target), answersOf(stable)) < samples) return 'answers'
  if (sizeOf(target.ttft) === 0 || sizeOf(stable.ttft) === 0) return 'times'
  return comparisons.find(({ isOver }) => isOver)?.limit
}

function compareErrors({ target, stable }: Sides, points: number, step: number): Comparison {
  const [failed, answers] = [failuresOf(target), answersOf(target)]
  const [stableFailed, stableAnswers] = [failuresOf(stable), answersOf(stable)]
  const share = answers === 0 ? undefined : failed / answers
  const stableShare = stableAnswers === 0 ? undefined : stableFailed / stableAnswers
  const allowed = shareAtMost(stableFailed, stableAnswers, stableChance('errors', step)) + points
  return {
    limit: 'errors',
    target: share,
    stable: stableShare,
    isOver: share !== undefined && stableShare !== undefined && share > stableShare + points,
    chance: chanceOf(allowed, failed, answers),
  }
}

/**
 * Of the stable targets one answer in ten takes longer than their p90. If each answer of the target took at most `ratio` times as long
 * as one of theirs, no more of them than that would take longer than `ratio` times that p90.
 */
function compareSpread(limit: LimitName, target: Spread, stable: Spread, ratio: number, step: number): Comparison {
  const [p90, stableP90] = [quantileOf(target, 0.9), quantileOf(stable, 0.9)]
  if (p90 === undefined || stableP90 === undefined) {
    return { limit, target: p90, stable: stableP90, isOver: false, chance: 1 }
  }
  const size = sizeOf(stable)
  const allowed = shareAtMost(countAbove(stable, stableP90), size, stableChance(limit, step))
  const isOver = p90 > stableP90 * ratio
  const chance = chanceOf(allowed, countAbove(target, stableP90 * ratio), sizeOf(target))
  return { limit, target: p90, stable: stableP90, isOver, chance }
}

/** Seconds per token that nine in ten do not exceed are tokens per second that nine in ten reach. */
const speedOf = (comparison: Comparison): Comparison => ({
  ...comparison,
  target: comparison.target && 1 / comparison.target,
  stable: comparison.stable && 1 / comparison.stable,
})

const chanceOf = (allowed: number, hits: number, total: number): number =>
  hits < leastHits ? 1 : Math.min(1, Math.exp(-evidenceAbove(allowed, hits, total)))

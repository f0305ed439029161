import { z } from 'zod'

/** Counts by the upper bound of their bucket, in seconds as text; `+Inf` is beyond the last one. Empty buckets are left out. */
export type Spread = Readonly<Record<string, number>>

/** What one side of a rollout, its target or the stable targets together, has done in some time. */
export type Tally = {
  /** Answers that have ended, by how. */
  readonly ok: number
  readonly error: number
  readonly cut: number
  /** Time to the first token of answers that have begun. */
  readonly ttft: Spread
  /** Seconds that each output token took, on average over an answer. */
  readonly tokenTime: Spread
}

export const emptyTally: Tally = { ok: 0, error: 0, cut: 0, ttft: {}, tokenTime: {} }

const count = z.number().min(0).catch(0)
const spread = z.record(z.string(), count).catch({})

/** Reads a tally that was stored; what is none counts as nothing. */
export const tallySchema: z.ZodType<Tally> = z
  .object({ ok: count, error: count, cut: count, ttft: spread, tokenTime: spread })
  .catch(emptyTally)

/** Each bucket of the metrics is this many times as wide as the one before. */
const bucketGrowth = 1.1

export function addTally(a: Tally, b: Tally): Tally {
  return {
    ok: a.ok + b.ok,
    error: a.error + b.error,
    cut: a.cut + b.cut,
    ttft: addSpread(a.ttft, b.ttft),
    tokenTime: addSpread(a.tokenTime, b.tokenTime),
  }
}

function addSpread(a: Spread, b: Spread): Spread {
  const sum: Record<string, number> = { ...a }
  for (const [bound, count] of Object.entries(b)) sum[bound] = (sum[bound] ?? 0) + count
  return sum
}

/** Answers that failed: an error of the server, or an end before the end. */
export const failuresOf = ({ error, cut }: Tally): number => error + cut

/**
 * Answers that are known to be good or bad. One that streams is good from its first token on: it will end only minutes later, while
 * those that fail end at once, and so would seem to be many among those that have ended.
 */
export const answersOf = ({ ok, error, cut, ttft }: Tally): number => Math.max(ok + error + cut, sizeOf(ttft) + error)

export function sizeOf(spread: Spread): number {
  let size = 0
  for (const count of Object.values(spread)) size += count
  return size
}

/** The value that the share `quantile` of the observations does not exceed; undefined without observations. */
export function quantileOf(spread: Spread, quantile: number): number | undefined {
  const rank = quantile * sizeOf(spread)
  if (rank === 0) return undefined
  const buckets = bucketsOf(spread)
  let below = 0
  for (const { low, high, count } of buckets) {
    if (below + count >= rank)
      return high === Number.POSITIVE_INFINITY ? low : low + (high - low) * ((rank - below) / count)
    below += count
  }
  return buckets.at(-1)?.low
}

/** How many observations are above `value`, as if they lay evenly in their buckets. */
export function countAbove(spread: Spread, value: number): number {
  let above = 0
  for (const { low, high, count } of bucketsOf(spread)) {
    if (low >= value) above += count
    else if (high > value) above += high === Number.POSITIVE_INFINITY ? count : count * ((high - value) / (high - low))
  }
  return above
}

function bucketsOf(spread: Spread): { low: number; high: number; count: number }[] {
  const buckets = Object.entries(spread).map(([bound, count]) => {
    const high = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound)
    return { low: high / bucketGrowth, high, count }
  })
  buckets.sort((a, b) => a.high - b.high)
  // What the last bound does not hold begins there.
  const last = buckets.at(-1)
  if (last !== undefined && last.high === Number.POSITIVE_INFINITY) last.low = buckets.at(-2)?.high ?? 0
  return buckets
}

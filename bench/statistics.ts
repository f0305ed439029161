/** Latencies of one run, in milliseconds. */
export type LatencySummary = { readonly p50Ms: number; readonly p99Ms: number }

/** The nearest-rank percentile (0 < `percent` <= 100) of values in any order; NaN when there are none. */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.ceil((percent / 100) * sorted.length) - 1]
}

/** The middle value, or the mean of the two in the middle; NaN when there are none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN
  const sorted = Float64Array.from(values).sort()
  const upper = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[upper] : (sorted[upper - 1] + sorted[upper]) / 2
}

export function summarizeLatencies(latenciesMs: readonly number[]): LatencySummary {
  return { p50Ms: percentile(latenciesMs, 50), p99Ms: percentile(latenciesMs, 99) }
}

/** How figures came from `count` rounds, for the note below a table. */
export function roundsInWords(count: number): string {
  return count === 1 ? 'one round' : `median of ${count} interleaved rounds`
}

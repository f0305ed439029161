import type { Endpoint } from '../../pool/endpoint.ts'

/**
 * Scores by a count of which fewer is better: (max - count) / (max - min) over the candidates, 1 for all when they are
 * equal. A candidate whose count is NaN gets NaN and doesn't move the others.
 */
export function scoreFewest(
  candidates: readonly Endpoint[],
  count: (endpoint: Endpoint) => number,
  scores: Float64Array,
): void {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < candidates.length; i += 1) {
    const value = count(candidates[i])
    scores[i] = value
    if (value < min) min = value
    if (value > max) max = value
  }
  for (let i = 0; i < candidates.length; i += 1) {
    const value = scores[i]
    scores[i] = value === min ? 1 : (max - value) / (max - min)
  }
}

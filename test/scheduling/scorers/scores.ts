import type { Endpoint } from '../../../src/pool/endpoint.ts'
import type { Scorer } from '../../../src/scheduling/plugin.ts'

/** What a scorer says of these candidates, for a request of `targetModel`. */
export function scoresOf(scorer: Scorer, candidates: readonly Endpoint[], targetModel = 'base'): number[] {
  const scores = new Float64Array(candidates.length)
  scorer.score({ targetModel }, candidates, scores)
  return [...scores]
}

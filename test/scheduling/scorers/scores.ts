import type { Endpoint } from '../../../src/pool/endpoint.ts'
import type { SchedulingRequest, Scorer } from '../../../src/scheduling/plugin.ts'
import { schedulingRequest } from '../endpoints.ts'

/** What a scorer says of these candidates, for a request of which the test says something or its model alone. */
export function scoresOf(
  scorer: Scorer,
  candidates: readonly Endpoint[],
  request: Partial<SchedulingRequest> | string = {},
): number[] {
  const scores = new Float64Array(candidates.length)
  const parts = typeof request === 'string' ? { targetModel: request } : request
  scorer.score(schedulingRequest(parts), candidates, scores)
  return [...scores]
}

import type { Endpoint } from '../../../src/pool/endpoint.ts'
import type { Filter, SchedulingRequest } from '../../../src/scheduling/plugin.ts'
import { schedulingRequest } from '../endpoints.ts'

/** The places of the candidates that a filter leaves. */
export function left(
  filter: Filter,
  candidates: readonly Endpoint[],
  request: Partial<SchedulingRequest> = {},
  random: () => number = Math.random,
): number[] {
  return filter.filter(schedulingRequest(request), candidates, random).map((endpoint) => candidates.indexOf(endpoint))
}

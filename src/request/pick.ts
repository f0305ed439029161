import type { Endpoint } from '../pool/endpoint.ts'
import type { SchedulingRequest } from '../scheduling/plugin.ts'
import { type Refusal, refuse } from './errors.ts'
import type { Route } from './resolve.ts'

/** Live state and policy that {@link pick} chooses by. */
export type Scheduling = {
  /** The endpoints of a pool (`namespace/name`) at this moment. */
  endpointsOf(poolKey: string): readonly Endpoint[]
  /** The fit endpoints, best first; empty when none is fit. */
  schedule(request: SchedulingRequest, candidates: readonly Endpoint[], random: () => number): readonly Endpoint[]
}

const noEndpoints: readonly Endpoint[] = []

/** The endpoints for a request, best first; empty when no pool was chosen, so that Envoy's route decides. */
export function pick(
  scheduling: Scheduling,
  route: Route,
  model: string | undefined,
  random: () => number,
): readonly Endpoint[] | Refusal {
  if (route.pool === undefined) return noEndpoints
  const candidates = scheduling.endpointsOf(route.pool.key)
  if (candidates.length === 0) {
    return refuse('no_endpoint', `InferencePool ${route.pool.key} has no ready endpoint`)
  }
  const picked = scheduling.schedule({ targetModel: route.target?.name ?? model ?? '' }, candidates, random)
  if (picked.length === 0) return refuse('no_endpoint', `no endpoint of InferencePool ${route.pool.key} is fit`)
  return picked
}

/** The value of x-gateway-destination-endpoint: addresses, best first. */
export function destinationOf(endpoints: readonly Endpoint[]): string | undefined {
  switch (endpoints.length) {
    case 0:
      return undefined
    case 1:
      return endpoints[0].address
    default:
      return endpoints.map((endpoint) => endpoint.address).join(',')
  }
}

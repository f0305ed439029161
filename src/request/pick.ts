import type { Endpoint } from '../pool/endpoint.ts'
import { nothingScheduled, type Scheduled, type Usage } from '../scheduling/plugin.ts'
import type { Scheduler } from '../scheduling/scheduler.ts'
import { type Refusal, refuse } from './errors.ts'
import type { InferenceRequest } from './inference-request.ts'
import type { Route } from './resolve.ts'

/** Live state and policy that {@link pick} chooses by. */
export type Scheduling = {
  /** The endpoints of a pool (`namespace/name`) at this moment. */
  endpointsOf(poolKey: string): readonly Endpoint[]
  /** @param address `ip:port` */
  endpointAt(address: string): Endpoint | undefined
  readonly scheduler: Scheduler
  /** The endpoints that the proxy names in its subset hint are the only ones that count. */
  readonly keepsToSubset: boolean
  /** The scores that the scheduler tells are for observers: the proxy does not get them. */
  readonly hidesScores?: boolean
  /** A request of the pool has ended, so that another may go. */
  released(poolKey: string): void
  /** The request has ended and has used so much. */
  spent(request: InferenceRequest, usage: Usage): void
}

/** The endpoints for a request, best first; none when no pool was chosen, so that Envoy's route decides. */
export function pick(
  scheduling: Scheduling,
  request: InferenceRequest,
  { pool }: Route,
  random: () => number,
): Scheduled | Refusal {
  if (pool === undefined) return nothingScheduled
  const all = scheduling.endpointsOf(pool.key)
  if (all.length === 0) {
    const code = isBareEngineCall(request) ? 'no_server' : 'no_endpoint'
    return refuse(code, `InferencePool ${pool.key} has no ready endpoint`, noEndpointHeaders)
  }
  const candidates = scheduling.keepsToSubset ? within(all, request.subset) : all
  if (candidates.length === 0) {
    return refuse('no_endpoint', `no endpoint of InferencePool ${pool.key} is in the subset that the proxy allows`)
  }
  const scheduled = scheduling.scheduler.schedule(request, candidates, random)
  if (scheduled.endpoints.length > 0) return scheduled
  return refuse('no_endpoint', `no endpoint of InferencePool ${pool.key} is fit`, noEndpointHeaders)
}

/** An engine call without a message has nothing to be retried for: it is answered as the reference does, with 500. */
const isBareEngineCall = ({ facts: { body, format } }: InferenceRequest): boolean =>
  body === 'none' && (format === 'engine-grpc' || format === 'unsupported-method')

const noEndpointHeaders = ['x-llm-d-request-dropped-reason', 'rejected-no-endpoints']

/** Those of `endpoints` that the subset names, by `ip:port` or by `ip` with any port. */
function within(endpoints: readonly Endpoint[], subset: readonly string[] | undefined): readonly Endpoint[] {
  if (subset === undefined) return endpoints
  const allowed = new Set(subset)
  return endpoints.filter(({ address }) => allowed.has(address) || allowed.has(hostOf(address)))
}

/** `ip` of `ip:port`, without brackets. */
function hostOf(address: string): string {
  const host = address.slice(0, address.lastIndexOf(':'))
  return host.startsWith('[') ? host.slice(1, -1) : host
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

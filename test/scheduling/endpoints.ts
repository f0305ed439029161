import { type Endpoint, type EndpointMetrics, unknownMetrics } from '../../src/pool/endpoint.ts'
import type { SchedulingRequest } from '../../src/scheduling/plugin.ts'

/** What a test says of an endpoint: any field of it or of its metrics. */
export type EndpointState = Partial<Omit<Endpoint, 'metrics'> & EndpointMetrics>

/** Endpoints that have been scraped, idle but for what is said of them. */
export function endpoints(...states: EndpointState[]): Endpoint[] {
  return states.map(
    ({ name, address, namespace, labels, isReachable, inFlight, endsUnseen, inFlightTokens, ...metrics }, i) => ({
      name: name ?? `server-${i}`,
      address: address ?? `10.0.${Math.floor(i / 250)}.${i % 250}:8000`,
      namespace: namespace ?? 'default',
      labels: labels ?? {},
      isReachable: isReachable ?? true,
      inFlight: inFlight ?? 0,
      endsUnseen: endsUnseen ?? false,
      inFlightTokens: inFlightTokens ?? 0,
      metrics: { ...unknownMetrics, updatedAtMs: 0, ...metrics },
    }),
  )
}

export function equalEndpoints(count: number, state: EndpointState = {}): Endpoint[] {
  return endpoints(...Array.from({ length: count }, () => state))
}

/** Numbers in [0, 1) that are the same in every run (the generator of D. H. Lehmer). */
export function seededRandom(seed = 42): () => number {
  let state = seed
  return () => {
    state = (state * 48271) % 2147483647
    return (state - 1) / 2147483646
  }
}

/** A request for a base model, with what is said of it. */
export function schedulingRequest(parts: Partial<SchedulingRequest> = {}): SchedulingRequest {
  return {
    poolKey: 'default/pool',
    targetModel: 'base',
    priority: 0,
    promptBytes: 0,
    maxOutputTokens: undefined,
    isMultimodal: false,
    prompt: undefined,
    header: () => undefined,
    ...parts,
  }
}

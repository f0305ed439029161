import { type Endpoint, unknownMetrics } from '../../src/pool/endpoint.ts'

/** An endpoint that is named by its address and has not been scraped. */
export function endpointAt(address: string, labels: Endpoint['labels'] = {}): Endpoint {
  return {
    address,
    name: address,
    namespace: 'default',
    labels,
    metrics: unknownMetrics,
    isReachable: true,
    inFlight: 0,
    endsUnseen: false,
    inFlightTokens: 0,
  }
}

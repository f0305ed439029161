import type { Endpoint } from '../../pool/endpoint.ts'
import { filterKind, noParameters } from '../plugin-kind.ts'

/**
 * Leaves out endpoints that refuse connections: with no queue and an empty cache they would look better than all others.
 * When all refuse, all stay, as a scrape can be wrong about what Envoy will find.
 */
export const reachableFilter = filterKind('reachable-filter', noParameters, () => ({
  filter(_request, candidates) {
    if (candidates.every(isReachable)) return candidates
    const reachable = candidates.filter(isReachable)
    return reachable.length > 0 ? reachable : candidates
  },
}))

const isReachable = (endpoint: Endpoint): boolean => endpoint.isReachable

import type { Endpoint } from '../../pool/endpoint.ts'
import { filterKind, noParameters } from '../plugin-kind.ts'
import { narrowIfAny } from './narrow.ts'

/**
 * Leaves out endpoints that refuse connections: with no queue and an empty cache they would look better than all others.
 * When all refuse, all stay, as a scrape can be wrong about what Envoy will find.
 */
export const reachableFilter = filterKind('reachable-filter', noParameters, () => ({
  filter: (_request, candidates) => narrowIfAny(candidates, isReachable, undefined),
}))

const isReachable = (endpoint: Endpoint): boolean => endpoint.isReachable

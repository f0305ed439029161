import type { Endpoint } from '../../pool/endpoint.ts'
import { filterKind, noParameters } from '../plugin-kind.ts'

/** The header by which the conformance tests of the Gateway API inference extension say where a request shall go. */
const testHeader = 'test-epp-endpoint-selection'

/**
 * Keeps the endpoints that the test header lists as `ip` or `ip:port`, in its order; none when it lists others; all
 * when there is no such header. For tests alone: with it any client can choose its server.
 */
export const headerBasedTestingFilter = filterKind('header-based-testing-filter', noParameters, () => ({
  headerNames: [testHeader],
  filter(request, candidates) {
    const list = request.header(testHeader)
    if (list === undefined || list.trim() === '') return candidates
    const wanted = new Set<Endpoint>()
    for (const item of list.split(',')) {
      const address = item.trim()
      for (const candidate of candidates) if (isAt(candidate, address)) wanted.add(candidate)
    }
    return [...wanted]
  },
}))

function isAt({ address }: Endpoint, wanted: string): boolean {
  if (address === wanted) return true
  const host = address.slice(0, address.lastIndexOf(':'))
  return host === wanted || host === `[${wanted}]`
}

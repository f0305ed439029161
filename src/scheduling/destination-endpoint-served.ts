import { noParameters, pluginKind } from './plugin-kind.ts'

/** The header by which the conformance tests of the Gateway API inference extension learn which endpoint has answered. */
const testHeader = 'x-conformance-test-served-endpoint'

/** Tells the client the address of the endpoint that answers. For tests alone: it shows what is behind the gateway. */
export const destinationEndpointServedVerifier = pluginKind(
  'destination-endpoint-served-verifier',
  noParameters,
  () => ({
    responseHeaders: (_request, { address }) => [testHeader, address],
  }),
)

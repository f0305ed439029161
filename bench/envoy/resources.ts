import { envoyVersion } from '../../src/demo/envoy-binary.ts'
import { fleetNamespace as namespace } from '../peers/fleet.ts'
import { modelName } from '../peers/resources.ts'

/** A listener of the Gateway, and the ext_proc servers (host:port, plaintext) that its requests pass one after the other. */
export type Chain = { readonly port: number; readonly processors: readonly string[] }

const gatewayApi = 'gateway.networking.k8s.io/v1'
const gatewayGroup = 'gateway.networking.k8s.io'
const envoyGroup = 'gateway.envoyproxy.io'
const envoyGatewayApi = `${envoyGroup}/v1alpha1`
const notFound = 'not-found'
/** What routers of models and endpoint pickers name their choices by. */
const modelHeader = 'x-gateway-model-name'
const destinationHeader = 'x-gateway-destination-endpoint'

/** The Kubernetes objects of one Gateway whose chains all lead to the same model servers (host:port). */
export function resources(chains: readonly Chain[], servers: readonly string[]): object[] {
  return [
    {
      apiVersion: gatewayApi,
      kind: 'GatewayClass',
      metadata: { name: 'bench' },
      spec: {
        controllerName: 'gateway.envoyproxy.io/gatewayclass-controller',
        parametersRef: { group: envoyGroup, kind: 'EnvoyProxy', name: 'bench', namespace },
      },
    },
    envoyObject('EnvoyProxy', 'bench', {
      provider: { type: 'Host', host: { envoyVersion } },
      logging: { level: { default: 'error' } },
      // A line a request is as dear for all, and would hide differences.
      telemetry: { accessLog: { disable: true } },
    }),
    gatewayObject('Gateway', 'bench', {
      gatewayClassName: 'bench',
      listeners: chains.map(({ port }) => ({ name: chainName(port), protocol: 'HTTP', port })),
    }),
    backend('servers', servers),
    envoyObject('HTTPRouteFilter', notFound, { directResponse: { statusCode: 404 } }),
    ...chains.flatMap(chainObjects),
  ]
}

function chainObjects({ port, processors }: Chain): object[] {
  const name = chainName(port)
  const parentRefs = [{ name: 'bench', sectionName: name }]
  const backendRefs = [backendRef('servers')]
  if (processors.length === 0) {
    return [gatewayObject('HTTPRoute', name, { parentRefs, rules: [{ matches: [anyPath], backendRefs }] })]
  }
  const targetRefs = [{ group: gatewayGroup, kind: 'HTTPRoute', name }]
  const byModel = { ...anyPath, headers: [{ name: modelHeader, value: modelName }] }
  const refused = { type: 'ExtensionRef', extensionRef: { group: envoyGroup, kind: 'HTTPRouteFilter', name: notFound } }
  return [
    gatewayObject('HTTPRoute', name, {
      parentRefs,
      rules: [
        { matches: [byModel], backendRefs },
        // What a request matches before its model is known; only one whose model stays unknown is answered here.
        { matches: [anyPath], filters: [refused] },
      ],
    }),
    ...processors.map((address, index) => backend(`${name}-${index}`, [address], ['gateway.envoyproxy.io/h2c'])),
    envoyObject('EnvoyExtensionPolicy', name, {
      targetRefs,
      extProc: processors.map((_, index) => ({
        backendRefs: [backendRef(`${name}-${index}`)],
        messageTimeout: '30s',
        processingMode: { request: { body: 'FullDuplexStreamed' } },
      })),
    }),
    envoyObject('BackendTrafficPolicy', name, {
      targetRefs,
      loadBalancer: { type: 'Random', endpointOverride: { extractFrom: [{ header: destinationHeader }] } },
    }),
  ]
}

const anyPath = { path: { type: 'PathPrefix', value: '/' } }
const chainName = (port: number) => `chain-${port}`
const backendRef = (name: string) => ({ group: envoyGroup, kind: 'Backend', name })

function backend(name: string, addresses: readonly string[], appProtocols?: readonly string[]): object {
  const endpoints = addresses.map((each) => {
    const { hostname, port } = new URL(`http://${each}`)
    return { ip: { address: hostname, port: Number(port) } }
  })
  return envoyObject('Backend', name, { endpoints, ...(appProtocols && { appProtocols }) })
}

const envoyObject = (kind: string, name: string, spec: object) => ({
  apiVersion: envoyGatewayApi,
  kind,
  metadata: { name, namespace },
  spec,
})

const gatewayObject = (kind: string, name: string, spec: object) => ({
  apiVersion: gatewayApi,
  kind,
  metadata: { name, namespace },
  spec,
})

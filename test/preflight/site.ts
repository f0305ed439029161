import { compileCatalog } from '../../src/catalog/compile.ts'
import type { Resource } from '../../src/catalog/resource.ts'
import type { Known } from '../../src/preflight/inventory.ts'
import { findTraps } from '../../src/preflight/preflight.ts'
import { outputHeaders } from '../../src/request/control-headers.ts'

// biome-ignore lint/suspicious/noExplicitAny: manifests, which the tests change anywhere
export type Manifest = any

const envoyGateway = 'gateway.envoyproxy.io/v1alpha1'
const gatewayApi = 'gateway.networking.k8s.io/v1'

const make = (apiVersion: string, kind: string, name: string, spec: object): Manifest => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'default' },
  spec,
})

const toGateway = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gateway' }]

/** A site without traps: two models behind Envoy Gateway. A test changes what it is about. */
export const makeSite = () => ({
  gatewayClass: make(gatewayApi, 'GatewayClass', 'envoy', {
    controllerName: 'gateway.envoyproxy.io/gatewayclass-controller',
  }),
  gateway: make(gatewayApi, 'Gateway', 'gateway', {
    gatewayClassName: 'envoy',
    listeners: [
      { name: 'http', protocol: 'HTTP', port: 80 },
      { name: 'https', protocol: 'HTTPS', port: 443 },
    ],
  }),
  extension: make(envoyGateway, 'EnvoyExtensionPolicy', 'signalbox', {
    targetRefs: toGateway,
    extProc: [
      {
        backendRefs: [{ name: 'signalbox', port: 9002 }],
        messageTimeout: '60s',
        processingMode: { request: { body: 'FullDuplexStreamed' }, response: {} },
        backendSettings: { circuitBreaker: { maxParallelRequests: 100_000, maxPendingRequests: 100_000 } },
      },
    ],
  }),
  client: make(envoyGateway, 'ClientTrafficPolicy', 'client', {
    targetRefs: toGateway,
    connection: { bufferLimit: '20Mi' },
    headers: { earlyRequestHeaders: { remove: [...outputHeaders] } },
  }),
  traffic: make(envoyGateway, 'BackendTrafficPolicy', 'traffic', {
    targetRefs: toGateway,
    loadBalancer: {
      type: 'LeastRequest',
      endpointOverride: { extractFrom: [{ header: 'X-Gateway-Destination-Endpoint' }] },
    },
    timeout: { http: { requestTimeout: '24h' } },
  }),
  models: make(gatewayApi, 'HTTPRoute', 'models', {
    parentRefs: [{ name: 'gateway' }],
    rules: ['qwen', 'llama'].map((name) => ({
      name,
      matches: [{ headers: [{ name: 'X-Gateway-Model-Name', value: name }] }],
      backendRefs: [{ name, port: 8000 }],
    })),
  }),
  unknown: make(gatewayApi, 'HTTPRoute', 'unknown', {
    parentRefs: [{ name: 'gateway' }],
    rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }], filters: [{ type: 'ExtensionRef' }] }],
  }),
  server: make('v1', 'Service', 'qwen', { selector: { app: 'qwen' }, ports: [{ port: 8000, targetPort: 8000 }] }),
  signalbox: make('v1', 'Service', 'signalbox', {
    selector: { app: 'signalbox' },
    ports: [{ port: 9002, appProtocol: 'kubernetes.io/h2c' }],
  }),
  pool: make('inference.networking.k8s.io/v1', 'InferencePool', 'qwen', {
    selector: { matchLabels: { app: 'qwen' } },
    targetPorts: [{ number: 8000 }],
    endpointPickerRef: { name: 'signalbox', port: { number: 9002 } },
  }),
  model: make('inference.networking.x-k8s.io/v1alpha2', 'InferenceModel', 'qwen', {
    modelName: 'qwen',
    poolRef: { name: 'qwen' },
  }),
})

export type Site = ReturnType<typeof makeSite>

/** A copy of a manifest under another name, with some of its spec changed. */
export const copyOf = (manifest: Manifest, name: string, spec: object = {}): Manifest =>
  // Fields that are undefined are not there.
  JSON.parse(
    JSON.stringify({
      ...manifest,
      metadata: { ...manifest.metadata, name },
      spec: { ...manifest.spec, ...spec },
    }),
  )

export const makePod = (name: string, app: string, image: string, isReady = true): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels: { app } },
  spec: { containers: [{ name: 'main', image }] },
  status: { podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
})

/** The traps among manifests: `id PLACE PATH`, and what is said of each. */
export function trapsAmong(manifests: readonly Manifest[], known: Partial<Known> = {}) {
  const resources = manifests.map((object): Resource => {
    const { apiVersion, kind, metadata } = object
    return { apiVersion, kind, object, origin: { place: () => `${kind} ${metadata.name}` } }
  })
  const traps = findTraps({
    resources,
    compiled: compileCatalog(resources),
    endpoints: undefined,
    envoyGateways: [],
    isCluster: false,
    isUnread: () => false,
    ...known,
  })
  return traps.map(({ id, place, path, message, remedy }) => ({
    at: `${id} ${place}${path === '' ? '' : ` ${path}`}`,
    message,
    remedy,
  }))
}

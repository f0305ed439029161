import { envoyVersion } from '../../src/demo/envoy-binary.ts'

/** How a processor wants to see answers: not at all, or in Envoy Gateway's words for the body mode. */
export const answerBodies = ['skipped', 'headers', 'Streamed', 'FullDuplexStreamed'] as const
export type AnswerBody = (typeof answerBodies)[number]

export type RouteOptions = {
  /** Of the one listener. */
  readonly port: number
  /** host:port of each model server. */
  readonly servers: readonly string[]
  /** host:port of the plaintext ext_proc servers that pick; none leaves the choice to Envoy, which takes any server. */
  readonly processors: readonly string[]
  readonly answerBody: AnswerBody
}

const gatewayApi = 'gateway.networking.k8s.io/v1'
const envoyGatewayApi = 'gateway.envoyproxy.io/v1alpha1'
const namespace = 'default'
/** What endpoint pickers name their choice by (endpoint picker protocol). */
const destinationHeader = 'x-gateway-destination-endpoint'

/** The Kubernetes objects of a gateway whose one route leads to the servers, by way of the processors. */
export function resources({ port, servers, processors, answerBody }: RouteOptions): object[] {
  const picks = processors.length > 0
  const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'models' }]
  return [
    {
      apiVersion: gatewayApi,
      kind: 'GatewayClass',
      metadata: { name: 'bench' },
      spec: {
        controllerName: 'gateway.envoyproxy.io/gatewayclass-controller',
        parametersRef: { group: 'gateway.envoyproxy.io', kind: 'EnvoyProxy', name: 'bench', namespace },
      },
    },
    {
      apiVersion: envoyGatewayApi,
      kind: 'EnvoyProxy',
      metadata: { name: 'bench', namespace },
      spec: { provider: { type: 'Host', host: { envoyVersion } }, logging: { level: { default: 'error' } } },
    },
    {
      apiVersion: gatewayApi,
      kind: 'Gateway',
      metadata: { name: 'bench', namespace },
      spec: { gatewayClassName: 'bench', listeners: [{ name: 'http', protocol: 'HTTP', port }] },
    },
    {
      apiVersion: gatewayApi,
      kind: 'HTTPRoute',
      metadata: { name: 'models', namespace },
      spec: {
        parentRefs: [{ name: 'bench' }],
        rules: [
          {
            matches: [{ path: { type: 'PathPrefix', value: '/' } }],
            backendRefs: [{ group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'servers' }],
          },
        ],
      },
    },
    backend('servers', servers),
    {
      apiVersion: envoyGatewayApi,
      kind: 'BackendTrafficPolicy',
      metadata: { name: 'models', namespace },
      spec: {
        targetRefs,
        loadBalancer: {
          type: 'Random',
          ...(picks && { endpointOverride: { extractFrom: [{ header: destinationHeader }] } }),
        },
        // The default route timeout would end long answers.
        timeout: { http: { requestTimeout: '0s' } },
      },
    },
    ...(picks
      ? [
          backend('processors', processors, ['gateway.envoyproxy.io/h2c']),
          {
            apiVersion: envoyGatewayApi,
            kind: 'EnvoyExtensionPolicy',
            metadata: { name: 'picker', namespace },
            spec: {
              targetRefs,
              extProc: [
                {
                  backendRefs: [{ group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'processors' }],
                  messageTimeout: '1000s',
                  processingMode: { request: { body: 'FullDuplexStreamed' }, ...responseMode(answerBody) },
                },
              ],
            },
          },
        ]
      : []),
  ]
}

function backend(name: string, addresses: readonly string[], appProtocols?: readonly string[]): object {
  const endpoints = addresses.map((each) => {
    const { hostname, port } = new URL(`http://${each}`)
    return { ip: { address: hostname, port: Number(port) } }
  })
  return {
    apiVersion: envoyGatewayApi,
    kind: 'Backend',
    metadata: { name, namespace },
    spec: { endpoints, ...(appProtocols && { appProtocols }) },
  }
}

function responseMode(answerBody: AnswerBody): object {
  switch (answerBody) {
    case 'skipped':
      return {}
    case 'headers':
      return { response: {} }
    case 'Streamed':
    case 'FullDuplexStreamed':
      return { response: { body: answerBody } }
  }
}

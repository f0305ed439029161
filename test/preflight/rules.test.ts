import { describe, expect, test } from 'vitest'
import type { Known } from '../../src/preflight/inventory.ts'
import { rules } from '../../src/preflight/preflight.ts'
import { readPod } from '../../src/sources/kubernetes/pods.ts'
import { copyOf, type Manifest, makePod, makeSite, type Site, trapsAmong } from './site.ts'

type Change = (site: Site) => readonly Manifest[] | undefined

/** The site with a change; what the change gives comes in addition. */
function changed(change: Change, known?: (manifests: readonly Manifest[]) => Partial<Known>) {
  const site = makeSite()
  const more = change(site) ?? []
  const manifests = [...Object.values(site).filter((each) => each !== undefined), ...more]
  return trapsAmong(manifests, known?.(manifests))
}

/** As the cluster has it, with these Pods. */
const inCluster =
  (...pods: readonly Manifest[]) =>
  (manifests: readonly Manifest[]): Partial<Known> => ({
    isCluster: true,
    endpoints: [...pods, ...manifests.filter(({ kind }) => kind === 'Pod')].flatMap((pod) => readPod(pod) ?? []),
  })

const pods = [makePod('qwen-0', 'qwen', 'vllm'), makePod('signalbox-0', 'signalbox', 'example.com/signalbox:1')]

const routePolicy = (site: Site, spec: object) =>
  copyOf(site.traffic, 'own', { targetRefs: [{ group: group, kind: 'HTTPRoute', name: 'models' }], ...spec })
const group = 'gateway.networking.k8s.io'

/** An HTTPRoute that takes requests by their path. */
const byPath = (site: Site, ...matches: readonly object[]) => copyOf(site.unknown, 'paths', { rules: [{ matches }] })

test('a site without traps', () => {
  expect(changed(() => [])).toEqual([])
  expect(changed(() => pods, inCluster())).toEqual([])
})

type Trap = {
  what: string
  change: Change
  at: readonly string[]
  says?: RegExp
  known?: Parameters<typeof changed>[1]
}

/** A Pod of Signalbox with this command line. */
const serving = (...args: readonly string[]) => {
  const pod = makePod('signalbox-0', 'signalbox', 'example.com/signalbox:1')
  pod.spec.containers[0].args = ['serve', '--kubernetes', ...args]
  return pod
}

/** Its Deployment. */
const deployed = (...args: readonly string[]) => {
  const { metadata, spec } = serving(...args)
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'signalbox', namespace: 'default' },
    spec: { template: { metadata, spec } },
  }
}

describe.each<Trap>([
  {
    what: 'an ext_proc that serves TLS, which Envoy Gateway does not speak',
    change: () => [pods[0], serving()],
    at: ['ext-proc-tls EnvoyExtensionPolicy signalbox spec.extProc[0].backendRefs[0]'],
    says: /^leads to Pod default\/signalbox-0, /,
    known: inCluster(),
  },
  {
    what: 'the same in files, where it is asked for',
    change: () => [deployed('--secure-serving', 'true')],
    at: ['ext-proc-tls EnvoyExtensionPolicy signalbox spec.extProc[0].backendRefs[0]'],
    says: /^leads to Deployment default\/signalbox, /,
  },
  {
    what: 'an ext_proc whose Service is gone',
    change: (site) => {
      delete (site as Manifest).signalbox
      delete (site as Manifest).pool
      return pods
    },
    at: ['missing-ext-proc EnvoyExtensionPolicy signalbox spec.extProc[0].backendRefs[0].name'],
    says: /^there is no Service default\/signalbox/,
    known: inCluster(),
  },
  {
    what: 'no limit on parallel requests is set',
    change: (site) => void delete site.extension.spec.extProc[0].backendSettings,
    at: [
      'ext-proc-circuit-breaker EnvoyExtensionPolicy signalbox spec.extProc[0].backendSettings.circuitBreaker.maxParallelRequests',
    ],
    says: /^is 1,024: /,
  },
  {
    what: 'only one of the two limits is raised',
    change: (site) =>
      void (site.extension.spec.extProc[0].backendSettings.circuitBreaker = { maxParallelRequests: 5000 }),
    at: [
      'ext-proc-circuit-breaker EnvoyExtensionPolicy signalbox spec.extProc[0].backendSettings.circuitBreaker.maxPendingRequests',
    ],
  },
  {
    what: 'bodies are Streamed',
    change: (site) => void (site.extension.spec.extProc[0].processingMode.request.body = 'Streamed'),
    at: ['streamed-body-mode EnvoyExtensionPolicy signalbox spec.extProc[0].processingMode.request.body'],
  },
  {
    what: 'no bodies are sent',
    change: (site) => void (site.extension.spec.extProc[0].processingMode = { request: {} }),
    at: ['no-request-body EnvoyExtensionPolicy signalbox spec.extProc[0].processingMode.request.body'],
  },
  {
    what: 'the message timeout is not set',
    change: (site) => void delete site.extension.spec.extProc[0].messageTimeout,
    at: ['message-timeout EnvoyExtensionPolicy signalbox spec.extProc[0].messageTimeout'],
    says: /^is 200ms: /,
  },
  {
    what: 'the message timeout of buffered bodies is shorter than a wait in a queue',
    change: (site) =>
      void Object.assign(site.extension.spec.extProc[0], {
        messageTimeout: '30s',
        processingMode: { request: { body: 'Buffered' } },
      }),
    at: ['message-timeout EnvoyExtensionPolicy signalbox spec.extProc[0].messageTimeout'],
    says: /^is 30s: a wait in a queue/,
  },
  {
    what: 'failOpen with full duplex',
    change: (site) => void (site.extension.spec.extProc[0].failOpen = true),
    at: ['fail-open-full-duplex EnvoyExtensionPolicy signalbox spec.extProc[0].failOpen'],
  },
  {
    what: 'failOpen with full-duplex answers',
    change: (site) =>
      void Object.assign(site.extension.spec.extProc[0], {
        failOpen: true,
        processingMode: { request: { body: 'Buffered' }, response: { body: 'FullDuplexStreamed' } },
      }),
    at: ['fail-open-full-duplex EnvoyExtensionPolicy signalbox spec.extProc[0].failOpen'],
  },
  {
    what: 'no ClientTrafficPolicy',
    change: (site) => void delete (site as Manifest).client,
    at: ['spoofable-headers Gateway gateway'],
  },
  {
    what: 'a ClientTrafficPolicy that removes some of the headers',
    change: (site) =>
      void (site.client.spec.headers.earlyRequestHeaders = {
        remove: ['X-Gateway-Model-Name', 'x-data-parallel-host-port'],
        removeOnMatch: [
          { type: 'Prefix', value: 'X-Gateway-Destination' },
          { type: 'Suffix', value: '-hosts-ports' },
          { value: 'x-gateway-base-model-name' },
        ],
      }),
    at: ['spoofable-headers ClientTrafficPolicy client spec.headers.earlyRequestHeaders.remove'],
    says: /^lacks x-prefiller-host-port: /,
  },
  {
    what: 'a policy of one listener, which takes the place of the one of the Gateway',
    change: (site) => [
      copyOf(site.client, 'https', {
        targetRefs: [{ group, kind: 'Gateway', name: 'gateway', sectionName: 'https' }],
        headers: {},
      }),
    ],
    at: ['spoofable-headers ClientTrafficPolicy https spec.headers.earlyRequestHeaders.remove'],
  },
  {
    what: 'buffered bodies under the default buffer limit',
    change: (site) => {
      site.extension.spec.extProc[0].processingMode.request.body = 'Buffered'
      delete site.client.spec.connection
      return []
    },
    at: ['buffer-limit ClientTrafficPolicy client spec.connection.bufferLimit'],
    says: /^is 32Ki: .*413/,
  },
  {
    what: 'partly buffered bodies under a low buffer limit',
    change: (site) => {
      site.extension.spec.extProc[0].processingMode.request.body = 'BufferedPartial'
      site.client.spec.connection.bufferLimit = 1_000_000
      return []
    },
    at: ['buffer-limit ClientTrafficPolicy client spec.connection.bufferLimit'],
    says: /^is 1000000: .*keeps the route of a request without a model$/,
  },
  {
    what: 'no BackendTrafficPolicy',
    change: (site) => void delete (site as Manifest).traffic,
    at: ['endpoint-override Gateway gateway', 'request-timeout Gateway gateway'],
    says: /^has no BackendTrafficPolicy: /,
  },
  {
    what: 'a BackendTrafficPolicy without the endpoint override',
    change: (site) => void delete site.traffic.spec.loadBalancer.endpointOverride,
    at: ['endpoint-override BackendTrafficPolicy traffic spec.loadBalancer.endpointOverride'],
  },
  {
    what: "a route's BackendTrafficPolicy that repeats nothing of the Gateway's",
    change: (site) => [routePolicy(site, { loadBalancer: undefined, timeout: undefined, retry: {} })],
    at: [
      'endpoint-override BackendTrafficPolicy own spec.loadBalancer.endpointOverride',
      'request-timeout BackendTrafficPolicy own spec.timeout.http.requestTimeout',
    ],
    says: /^is not set, and this policy takes the place of BackendTrafficPolicy default\/traffic as a whole: /,
  },
  {
    what: 'a short request timeout',
    change: (site) => void (site.traffic.spec.timeout.http.requestTimeout = '1m30s'),
    at: ['request-timeout BackendTrafficPolicy traffic spec.timeout.http.requestTimeout'],
    says: /^is 1m30s: /,
  },
  {
    what: 'a short timeout of a rule',
    change: (site) => void (site.models.spec.rules[1].timeouts = { request: '10s' }),
    at: ['request-timeout HTTPRoute models spec.rules[1].timeouts.request'],
  },
  {
    what: 'two policies for one Gateway',
    change: (site) => {
      const older = copyOf(site.client, 'older')
      older.metadata.creationTimestamp = '2026-01-01T00:00:00Z'
      return [older]
    },
    at: ['conflicting-policies ClientTrafficPolicy client spec'],
    says: /at Gateway default\/gateway, where ClientTrafficPolicy default\/older is/,
  },
  {
    what: 'two policies for one route, one of them by labels',
    change: (site) => {
      site.models.metadata.labels = { app: 'inference' }
      const { targetRefs: _, ...spec } = site.traffic.spec
      const selecting = {
        ...copyOf(site.traffic, 'selecting'),
        spec: {
          ...spec,
          targetSelectors: [{ kind: 'HTTPRoute', matchExpressions: [{ key: 'app', operator: 'Exists' }] }],
        },
      }
      return [routePolicy(site, {}), selecting]
    },
    at: ['conflicting-policies BackendTrafficPolicy selecting spec'],
    says: /HTTPRoute default\/models/,
  },
  {
    what: 'no catch-all',
    change: (site) => void delete (site as Manifest).unknown,
    at: ['missing-catch-all HTTPRoute models spec.rules'],
  },
  {
    what: 'nothing without a model but the list of models',
    change: (site) => void (site.unknown.spec.rules[0].matches[0].path = { type: 'Exact', value: '/v1/models' }),
    at: ['missing-catch-all HTTPRoute models spec.rules'],
  },
  {
    what: 'a catch-all on another listener than the models',
    change: (site) => {
      site.models.spec.parentRefs[0].sectionName = 'http'
      site.unknown.spec.parentRefs[0].sectionName = 'https'
      return []
    },
    at: ['missing-catch-all HTTPRoute models spec.rules'],
  },
  {
    what: 'a catch-all for another host name than the models',
    change: (site) => {
      site.models.spec.hostnames = ['a.example.com']
      site.unknown.spec.hostnames = ['b.example.com']
      return []
    },
    at: ['missing-catch-all HTTPRoute models spec.rules'],
    says: /alone for a\.example\.com: /,
  },
  {
    what: 'a catch-all for any host name, which Envoy does not look at where there are rules for one',
    change: (site) => void (site.models.spec.hostnames = ['a.example.com']),
    at: ['missing-catch-all HTTPRoute models spec.rules'],
  },
  {
    what: 'a picker at the catch-all alone, and no endpoint override',
    change: (site) => {
      site.extension.spec.targetRefs = [{ group, kind: 'HTTPRoute', name: 'unknown' }]
      delete site.traffic.spec.loadBalancer
      return []
    },
    at: ['endpoint-override BackendTrafficPolicy traffic spec.loadBalancer.endpointOverride'],
  },
  {
    what: 'a catch-all without ext_proc',
    change: (site) => void (site.extension.spec.targetRefs = [{ group, kind: 'HTTPRoute', name: 'models' }]),
    at: ['missing-catch-all HTTPRoute unknown spec.rules[0]'],
    says: /has no ext_proc/,
  },
  {
    what: 'a catch-all with a longer path than the rules of models',
    change: (site) => void (site.unknown.spec.rules[0].matches[0].path.value = '/v1'),
    at: ['catch-all-outranks HTTPRoute unknown spec.rules[0]'],
    says: /the prefix \/v1 goes before the prefix \/$/,
  },
  {
    what: 'a catch-all that is an expression',
    change: (site) =>
      void (site.unknown.spec.rules[0].matches[0].path = { type: 'RegularExpression', value: '/v1/.*' }),
    at: ['catch-all-outranks HTTPRoute unknown spec.rules[0]'],
    says: /the expression \/v1\/\.\* goes before the prefix \/$/,
  },
  {
    what: 'a rule for the exact path of an API',
    change: (site) => [byPath(site, { path: { type: 'Exact', value: '/v1/chat/completions' } })],
    at: ['catch-all-outranks HTTPRoute paths spec.rules[0]'],
  },
  {
    what: 'a model that no rule matches',
    change: (site) => void (site.models.spec.rules = site.models.spec.rules.slice(1)),
    at: ['model-without-route InferenceModel qwen spec.modelName'],
  },
  {
    what: 'a route to a pool that is not there',
    change: (site) =>
      void (site.models.spec.rules[0].backendRefs = [
        { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'qwem' },
      ]),
    at: ['missing-pool HTTPRoute models spec.rules[0].backendRefs[0].name'],
    says: /^there is no InferencePool default\/qwem of /,
    known: () => ({ envoyGateways: [extensionForPools] }),
  },
  {
    what: 'a route to a pool of another group',
    change: (site) =>
      void (site.models.spec.rules[0].backendRefs = [
        { group: 'inference.networking.x-k8s.io', kind: 'InferencePool', name: 'qwen' },
      ]),
    at: ['missing-pool HTTPRoute models spec.rules[0].backendRefs[0].name'],
    says: /there is one of inference.networking.k8s.io\/v1/,
    known: () => ({ envoyGateways: [extensionForPools] }),
  },
  {
    what: 'a pool whose Pods are not ready',
    change: () => [makePod('qwen-0', 'qwen', 'vllm', false), pods[1]],
    at: ['pool-without-endpoints InferencePool qwen spec.selector'],
    says: /^none of 1 Pod with the labels app=qwen is ready/,
    known: inCluster(),
  },
  {
    what: 'a pool that selects nothing',
    change: () => [makePod('qwen-0', 'quen', 'vllm'), pods[1]],
    at: ['pool-without-endpoints InferencePool qwen spec.selector'],
    says: /^no Pod in default has the labels app=qwen/,
    known: inCluster(),
  },
  {
    what: 'a pool without a server in the list of endpoints',
    change: () => [],
    at: ['pool-without-endpoints InferencePool qwen spec.selector'],
    says: /^no endpoint in default/,
    known: () => ({ endpoints: [] }),
  },
  {
    what: 'a rollout of which every user gets a part',
    change: (site) => {
      const annotations = { 'signalbox.dev/rollout-steps': '1% for 5m, 100%' }
      return [
        {
          apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
          kind: 'InferenceModel',
          metadata: { name: 'qwen', namespace: 'default', annotations },
          spec: {
            modelName: 'qwen',
            poolRef: { name: site.pool.metadata.name },
            targetModels: [
              { name: 'qwen-1', weight: 1 },
              { name: 'qwen-2', weight: 1 },
            ],
          },
        },
        ...pods,
      ]
    },
    at: ['rollout-without-sticky-key InferenceModel qwen metadata.annotations["signalbox.dev/rollout-steps"]'],
    says: /^each request draws its target anew/,
  },
  {
    what: 'a pool whose picker is another kind',
    change: (site) => void (site.pool.spec.endpointPickerRef = { kind: 'Backend', name: 'signalbox' }),
    at: ['picker-reference InferencePool qwen spec.endpointPickerRef.kind'],
  },
  {
    what: 'a pool whose picker is not there',
    change: (site) => {
      site.pool.spec.endpointPickerRef.name = 'epp'
      return pods
    },
    at: ['picker-reference InferencePool qwen spec.endpointPickerRef.name'],
    says: /^there is no Service default\/epp/,
    known: inCluster(),
  },
  {
    what: 'a pool whose picker has no such port',
    change: (site) => void (site.pool.spec.endpointPickerRef.port.number = 9003),
    at: ['picker-reference InferencePool qwen spec.endpointPickerRef.port.number'],
    says: /^Service default\/signalbox has no port 9003, but 9002/,
  },
  {
    what: 'a v1alpha2 pool without a port, whose Service does not have the default one',
    change: (site) => {
      site.signalbox.spec.ports[0].port = 50051
      site.extension.spec.extProc[0].backendRefs[0].port = 50051
      site.pool.apiVersion = 'inference.networking.x-k8s.io/v1alpha2'
      site.pool.spec = { selector: { app: 'qwen' }, targetPortNumber: 8000, extensionRef: { name: 'signalbox' } }
      return []
    },
    at: ['picker-reference InferencePool qwen spec.extensionRef.portNumber'],
    says: /^Service default\/signalbox has no port 9002, but 50051/,
  },
  {
    what: 'a picker without Pods',
    change: () => [pods[0]],
    at: ['picker-reference InferencePool qwen spec.endpointPickerRef.name'],
    says: /^Service default\/signalbox selects no Pod/,
    known: inCluster(),
  },
  {
    what: 'a picker that leads to someone else',
    change: (site) => {
      site.signalbox.metadata.name = site.signalbox.spec.selector.app = 'epp'
      site.pool.spec.endpointPickerRef.name = site.extension.spec.extProc[0].backendRefs[0].name = 'epp'
      return [pods[0], makePod('epp-0', 'epp', 'example.com/epp:v1.5.0')]
    },
    at: ['picker-reference InferencePool qwen spec.endpointPickerRef.name'],
    says: /leads to Pod default\/epp-0, .*\(example.com\/epp:v1.5.0\)$/,
    known: inCluster(),
  },
  {
    what: 'pools as backends of Envoy Gateway',
    change: (site) => void (site.models.spec.rules[0].backendRefs = [poolBackend]),
    at: ['pool-needs-extension HTTPRoute models spec.rules[0].backendRefs[0].kind'],
  },
  {
    what: 'pools as backends of Envoy Gateway whose extensions know others',
    change: (site) => {
      site.models.spec.rules[0].backendRefs = [poolBackend]
      return [{ ...extensionForPools, metadata: { name: 'eg' }, extensionManager: { backendResources: [] } }]
    },
    at: ['pool-needs-extension HTTPRoute models spec.rules[0].backendRefs[0].kind'],
  },
  {
    what: 'pools as backends that Envoy Gateway has refused',
    change: (site) => {
      site.models.spec.rules[0].backendRefs = [poolBackend]
      const conditions = [{ type: 'ResolvedRefs', status: 'False', reason: 'InvalidKind' }]
      site.models.status = { parents: [{ parentRef: { name: 'gateway' }, conditions }] }
      return pods
    },
    at: ['pool-needs-extension HTTPRoute models spec.rules[0].backendRefs[0].kind'],
    known: inCluster(),
  },
  {
    what: 'servers of HTTP/2 behind a Service that does not say so',
    change: (site) => void (site.pool.spec.appProtocol = 'kubernetes.io/h2c'),
    at: ['app-protocol Service qwen spec.ports[0].appProtocol'],
    says: /^is not set, so Envoy speaks HTTP\/1.1/,
  },
  {
    what: 'servers of HTTP/1.1 behind a Service that says HTTP/2',
    change: (site) => void (site.server.spec.ports[0].appProtocol = 'kubernetes.io/h2c'),
    at: ['app-protocol Service qwen spec.ports[0].appProtocol'],
    says: /^is kubernetes.io\/h2c, so Envoy speaks HTTP\/2/,
  },
  {
    what: 'a pool of Envoy AI Gateway, and the default picker of all pools',
    change: (site) => {
      delete (site as Manifest).extension
      return [aiGatewayRoute, deployed()]
    },
    at: ['one-endpoint-only InferencePool qwen spec.endpointPickerRef'],
  },
  {
    what: 'a pool of Envoy AI Gateway, and a configuration that names two',
    change: () => [aiGatewayRoute, pickerConfiguration(2)],
    at: ['one-endpoint-only InferencePool qwen spec.endpointPickerRef'],
  },
  {
    what: 'a picker in clear text behind Envoy AI Gateway',
    change: (site) => {
      delete (site as Manifest).extension
      return [aiGatewayRoute, pickerConfiguration(1), deployed('--secure-serving', 'false')]
    },
    at: ['picker-needs-tls InferencePool qwen spec.endpointPickerRef.name'],
  },
  {
    what: 'a pool behind the extension server of Envoy AI Gateway',
    change: (site) => {
      site.models.spec.rules[0].backendRefs = [poolBackend]
      return [pickerConfiguration(2)]
    },
    at: ['one-endpoint-only InferencePool qwen spec.endpointPickerRef'],
    known: () => ({
      envoyGateways: [
        {
          ...extensionForPools,
          extensionManager: {
            ...extensionForPools.extensionManager,
            service: { fqdn: { hostname: 'ai-gateway-controller.envoy-ai-gateway-system.svc.cluster.local' } },
          },
        },
      ],
    }),
  },
])('$what', ({ change, at, says, known }) => {
  test(`is ${at.map((each) => each.split(' ')[0]).join(' and ')}`, () => {
    const found = changed(change, known)
    expect(found.map((each) => each.at)).toEqual(at)
    for (const { message, remedy } of found) {
      if (says !== undefined) expect(message).toMatch(says)
      expect(remedy).not.toBe('')
      expect(message).not.toMatch(/\n|\.$/)
    }
  })
})

const poolBackend = { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'qwen' }

const extensionForPools = {
  apiVersion: 'gateway.envoyproxy.io/v1alpha1',
  kind: 'EnvoyGateway',
  extensionManager: {
    backendResources: ['inference.networking.k8s.io', 'inference.networking.x-k8s.io'].map((group) => ({
      group,
      version: 'v1',
      kind: 'InferencePool',
    })),
  },
}

const aiGatewayRoute = {
  apiVersion: 'aigateway.envoyproxy.io/v1alpha1',
  kind: 'AIGatewayRoute',
  metadata: { name: 'ai', namespace: 'default' },
  spec: { rules: [{ backendRefs: [poolBackend] }] },
}

const pickerConfiguration = (maxNumOfEndpoints: number) => ({
  apiVersion: 'llm-d.ai/v1alpha1',
  kind: 'EndpointPickerConfig',
  metadata: { name: 'picks' },
  plugins: [{ type: 'queue-scorer' }, { type: 'max-score-picker', parameters: { maxNumOfEndpoints } }],
})

describe('no alarm for', () => {
  test.each<{ what: string; change: Change; known?: Trap['known'] }>([
    {
      what: 'a policy that is merged with that of the Gateway',
      change: (site) => [
        routePolicy(site, {
          mergeType: 'StrategicMerge',
          loadBalancer: undefined,
          timeout: undefined,
          circuitBreaker: {},
        }),
      ],
    },
    {
      what: 'an ext_proc in clear text',
      change: () => [pods[0], serving('--secure-serving', '--secure-serving=false')],
      known: inCluster(),
    },
    {
      what: 'an ext_proc with TLS that Envoy Gateway is told of',
      change: () => [
        deployed(),
        {
          apiVersion: 'gateway.networking.k8s.io/v1',
          kind: 'BackendTLSPolicy',
          metadata: { name: 'signalbox', namespace: 'default' },
          spec: { targetRefs: [{ group: '', kind: 'Service', name: 'signalbox' }] },
        },
      ],
    },
    {
      what: 'a picker with TLS behind Envoy AI Gateway',
      change: (site) => {
        delete (site as Manifest).extension
        return [aiGatewayRoute, pickerConfiguration(1), deployed()]
      },
    },
    { what: 'a route policy that repeats what counts', change: (site) => [routePolicy(site, {})] },
    {
      what: 'a policy of one rule beside that of its route',
      change: (site) => [
        routePolicy(site, {}),
        copyOf(routePolicy(site, {}), 'rule', {
          targetRefs: [{ group, kind: 'HTTPRoute', name: 'models', sectionName: 'qwen' }],
        }),
      ],
    },
    {
      what: 'a policy for a route of its name in another namespace',
      change: (site) => {
        const far = routePolicy(site, { loadBalancer: undefined, timeout: undefined })
        far.metadata.namespace = 'elsewhere'
        return [far]
      },
    },
    { what: 'no limit of time', change: (site) => void (site.traffic.spec.timeout.http.requestTimeout = '0s') },
    {
      what: 'a body router, which picks no endpoints',
      change: (site) => {
        delete (site as Manifest).pool
        delete (site as Manifest).model
        delete site.traffic.spec.loadBalancer
        return []
      },
    },
    {
      what: 'a small buffer in full duplex, where it is no limit on bodies',
      change: (site) => void delete site.client.spec.connection,
    },
    {
      what: 'a short message timeout in full duplex, where it does not count while a request waits',
      change: (site) => void (site.extension.spec.extProc[0].messageTimeout = '5s'),
    },
    {
      what: 'failOpen with buffered bodies',
      change: (site) =>
        void Object.assign(site.extension.spec.extProc[0], {
          failOpen: true,
          processingMode: { request: { body: 'Buffered' }, response: {} },
        }),
    },
    {
      what: 'an ext_proc of another kind beside ours',
      change: (site) =>
        void site.extension.spec.extProc.push({
          backendRefs: [{ name: 'guardrail', port: 50_051 }],
          processingMode: { request: { body: 'Streamed' } },
        }),
    },
    {
      what: 'the policy of a Gateway where nobody asks for models',
      change: (site) => {
        const other = copyOf(site.gateway, 'other')
        const route = copyOf(site.unknown, 'web', { parentRefs: [{ name: 'other' }] })
        const guard = copyOf(site.extension, 'guard', {
          targetRefs: [{ group, kind: 'Gateway', name: 'other' }],
          extProc: [{ backendRefs: [{ name: 'guardrail', port: 50_051 }] }],
        })
        return [other, route, guard]
      },
    },
    {
      what: 'paths that carry no model',
      change: (site) => [
        byPath(site, { path: { type: 'Exact', value: '/v1/models' } }, { path: { value: '/health' } }),
      ],
    },
    {
      what: 'rules of models with the same path as the catch-all',
      change: (site) => {
        for (const { matches } of site.models.spec.rules) matches[0].path = { type: 'PathPrefix', value: '/v1' }
        site.unknown.spec.rules[0].matches[0].path.value = '/v1'
        return []
      },
    },
    {
      what: "a host name that is the listener's, too",
      change: (site) => {
        for (const listener of site.gateway.spec.listeners) listener.hostname = 'ai.example.com'
        site.models.spec.hostnames = ['ai.example.com']
        return []
      },
    },
    {
      what: 'an expression that can not be read here',
      change: (site) =>
        void (site.unknown.spec.rules[0].matches[0].path = { type: 'RegularExpression', value: '(?i)/v1/.*' }),
    },
    {
      what: 'an expression for other paths',
      change: (site) => [byPath(site, { path: { type: 'RegularExpression', value: '/v1/models(/.*)?' } })],
    },
    {
      what: 'a catch-all with a server, for models without a rule',
      change: (site) => {
        site.models.spec.rules = site.models.spec.rules.slice(1)
        site.unknown.spec.rules[0].backendRefs = [{ name: 'qwen', port: 8000 }]
        return []
      },
    },
    {
      what: 'an expression that may match a model',
      change: (site) =>
        void (site.models.spec.rules[0].matches[0].headers[0] = {
          type: 'RegularExpression',
          name: 'x-gateway-model-name',
          value: 'qw.*',
        }),
    },
    {
      what: 'a rule for the base of models without one of their own',
      change: (site) =>
        void (site.models.spec.rules[0].matches[0].headers[0] = { name: 'x-gateway-base-model-name', value: 'qwen' }),
    },
    {
      what: 'a route to a pool of which nothing is known',
      change: (site) => [
        copyOf(site.models, 'far', {
          parentRefs: [],
          rules: [{ backendRefs: [{ ...poolBackend, namespace: 'elsewhere' }] }],
        }),
      ],
    },
    {
      what: 'pools as backends where an extension knows them',
      change: (site) => {
        site.models.spec.rules[0].backendRefs = [poolBackend]
        return [{ ...extensionForPools, metadata: { name: 'eg' } }]
      },
    },
    {
      what: 'pools as backends beside the extension that knows them',
      change: (site) => {
        site.models.spec.rules[0].backendRefs = [poolBackend]
        return [copyOf(site.signalbox, 'signalbox-extension')]
      },
    },
    {
      what: 'pools as backends of another controller',
      change: (site) => {
        site.models.spec.rules[0].backendRefs = [poolBackend]
        site.gatewayClass.spec.controllerName = 'istio.io/gateway-controller'
        return []
      },
    },
    {
      what: 'pools as backends that the cluster does not complain of',
      change: (site) => {
        site.models.spec.rules[0].backendRefs = [poolBackend]
        return pods
      },
      known: inCluster(),
    },
    {
      what: 'a picker that is not among the files',
      change: (site) => void (site.pool.spec.endpointPickerRef.name = 'somewhere-else'),
    },
    {
      what: 'a picker that runs our command in an image of any name',
      change: (site) => {
        site.signalbox.metadata.name = site.signalbox.spec.selector.app = 'picker'
        site.pool.spec.endpointPickerRef.name = site.extension.spec.extProc[0].backendRefs[0].name = 'picker'
        const pod = makePod('picker-0', 'picker', 'example.com/inference:1')
        pod.spec.containers[0].args = ['serve', '--secure-serving=false']
        return [pods[0], pod]
      },
      known: inCluster(),
    },
    {
      what: 'Envoy AI Gateway and a configuration that names one endpoint',
      change: () => [aiGatewayRoute, pickerConfiguration(1)],
    },
    {
      what: 'Envoy AI Gateway and a picker of one pool',
      change: (site) => {
        delete (site as Manifest).extension
        return [aiGatewayRoute, deployed('--pool-name=qwen')]
      },
    },
    {
      what: 'what could not be read',
      change: (site) => {
        delete (site as Manifest).client
        delete (site as Manifest).traffic
        delete (site as Manifest).signalbox
        site.models.spec.rules[0].backendRefs = [{ ...poolBackend, namespace: 'elsewhere' }]
        return [pods[0]]
      },
      known: (manifests) => ({
        ...inCluster()(manifests),
        isUnread: (kind, namespace) =>
          ['ClientTrafficPolicy', 'BackendTrafficPolicy', 'Service'].includes(kind) || namespace === 'elsewhere',
      }),
    },
  ])('$what', ({ change, known }) => {
    expect(changed(change, known)).toEqual([])
  })
})

test('every rule has an id of its own', () => {
  expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length)
})

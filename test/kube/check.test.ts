import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { check } from '../cli/run-check.ts'
import { runExplain } from '../explain/run-explain.ts'
import { copyOf, type Manifest, makePod, makeSite } from '../preflight/site.ts'
import type { KubeApi } from '../real/kube-api.ts'
import { crdNames, isSkipped, startCluster } from './cluster.ts'

const plurals: Readonly<Record<string, string>> = {
  EnvoyExtensionPolicy: 'envoyextensionpolicies',
  ClientTrafficPolicy: 'clienttrafficpolicies',
  BackendTrafficPolicy: 'backendtrafficpolicies',
  GatewayClass: 'gatewayclasses',
}

function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const within = kind === 'GatewayClass' ? '' : `/namespaces/${metadata.namespace}`
  return `${root}${within}/${plurals[kind] ?? `${kind.toLowerCase()}s`}/${metadata.name}`
}

async function put(api: KubeApi, manifest: Manifest): Promise<void> {
  const { status, ...object } = manifest
  if (object.kind === 'GatewayClass') delete object.metadata.namespace
  await api.apply(pathOf(manifest), object)
  if (status !== undefined) await api.patch(`${pathOf(manifest)}/status`, { status })
}

const crds = [
  crdNames.poolV1,
  crdNames.poolV1alpha2,
  crdNames.model,
  crdNames.httpRoute,
  'gateways.gateway.networking.k8s.io',
  'gatewayclasses.gateway.networking.k8s.io',
  'envoyextensionpolicies.gateway.envoyproxy.io',
  'clienttrafficpolicies.gateway.envoyproxy.io',
  'backendtrafficpolicies.gateway.envoyproxy.io',
]
/** What is said of kinds without a CRD here. */
const missing =
  'not served by this cluster: inferenceobjectives.inference.networking.x-k8s.io, inferenceobjectives.llm-d.ai, inferencemodelrewrites.inference.networking.x-k8s.io, inferencemodelrewrites.llm-d.ai, backendtlspolicies.gateway.networking.k8s.io, backends.gateway.envoyproxy.io, aigatewayroutes.aigateway.envoyproxy.io'

/** The site as an API server takes it: without what only files can say. */
function makeValidSite() {
  const site = makeSite()
  site.unknown.spec.rules[0].filters = [
    {
      type: 'ExtensionRef',
      extensionRef: { group: 'gateway.envoyproxy.io', kind: 'HTTPRouteFilter', name: 'unknown-model' },
    },
  ]
  return site
}

const pods = [makePod('qwen-0', 'qwen', 'vllm'), makePod('signalbox-0', 'signalbox', 'example.com/signalbox:1')]

describe.skipIf(isSkipped)('check --kubernetes', () => {
  let api: KubeApi
  beforeAll(async () => {
    api = await startCluster(crds)
  })
  afterAll(() => api?.stop())

  const run = (...flags: string[]) => check('--kubernetes', '--kubeconfig', api.kubeconfig, ...flags)

  test('has nothing to say of a cluster without traps', async () => {
    for (const manifest of [...Object.values(makeValidSite()), ...pods]) await put(api, manifest)
    // What every cluster has in its default namespace.
    expect(await run()).toMatchObject({
      lines: [missing, '14 resources: 1 pool, 1 model, 2 routes, 10 others; no problems'],
      exitCode: 0,
    })
  })

  test('explain reads the same: its places are the objects', async () => {
    const body = JSON.stringify({ model: 'qwen', messages: [] })
    const curl = `curl http://gateway/v1/chat/completions --json '${body}'`
    const flags = ['--kubernetes', '--kubeconfig', api.kubeconfig, '-o', 'json']
    const { text, error } = await runExplain(...flags, '--curl', curl)
    expect(error).toBe('')
    expect(JSON.parse(text)).toMatchObject({
      outcome: 'endpoint',
      model: {
        asked: 'qwen',
        source: { resource: 'InferenceModel default/qwen', place: 'InferenceModel default/qwen' },
      },
      endpoints: [{ name: expect.stringContaining('qwen-0'), rank: 1 }],
      route: { last: { resource: 'HTTPRoute default/models', matches: expect.stringContaining(': qwen') } },
      findings: [],
    })
  })

  test('names each trap by the kind and name of the object', async () => {
    const site = makeValidSite()
    const [extProc] = site.extension.spec.extProc
    delete extProc.messageTimeout
    extProc.backendSettings.circuitBreaker = { maxParallelRequests: 1024, maxPendingRequests: 1024 }
    extProc.processingMode.request.body = 'Streamed'
    site.client.spec.headers.earlyRequestHeaders.remove.pop()
    site.unknown.spec.rules[0].matches[0].path.value = '/v1'
    site.pool.spec.endpointPickerRef = { group: '', kind: 'Service', name: 'epp', port: { number: 9002 } }
    const [llama] = site.models.spec.rules.splice(0, 1)
    llama.backendRefs = [{ group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'llama' }]
    llama.matches[0].headers[0].value = 'llama-2'
    site.models.spec.rules.push({ ...llama, timeouts: { request: '30s' } })
    const own = copyOf(site.traffic, 'own', {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'models' }],
      loadBalancer: { type: 'RoundRobin' },
    })
    const unready = makePod('qwen-0', 'qwen', 'vllm', false)
    for (const manifest of [...Object.values(site), own, unready]) await put(api, manifest)

    expect(await run()).toMatchObject({
      lines: [
        'BackendTrafficPolicy default/own spec.loadBalancer.endpointOverride: warning: is not set, and this policy takes the place of BackendTrafficPolicy default/traffic as a whole: Envoy balances by itself, and the endpoint that was picked counts for nothing: set loadBalancer.endpointOverride.extractFrom to [{header: x-gateway-destination-endpoint}], or mergeType: StrategicMerge to keep what the other says [endpoint-override]',
        'ClientTrafficPolicy default/client spec.headers.earlyRequestHeaders.remove: warning: lacks x-data-parallel-host-port: a client that sends it has chosen route or server wherever Signalbox is not asked: add them [spoofable-headers]',
        'EnvoyExtensionPolicy default/signalbox spec.extProc[0].backendSettings.circuitBreaker.maxParallelRequests: warning: is 1,024: each request under way is a stream here, and what is over the limit gets 500: set maxParallelRequests and maxPendingRequests to 1000000 [ext-proc-circuit-breaker]',
        'EnvoyExtensionPolicy default/signalbox spec.extProc[0].messageTimeout: warning: is 200ms: a wait in a queue is 504 to the client: set it to 60s [message-timeout]',
        'EnvoyExtensionPolicy default/signalbox spec.extProc[0].processingMode.request.body: is Streamed: Envoy takes no more headers once the body has begun, so the model in it comes too late for the route: set it to FullDuplexStreamed [streamed-body-mode]',
        'HTTPRoute default/models spec.rules[1].backendRefs[0].name: there is no InferencePool default/llama of inference.networking.k8s.io: requests of this rule are 500: create it, or name one that there is [missing-pool]',
        'HTTPRoute default/models spec.rules[1].timeouts.request: warning: is 30s: a longer answer is cut while it streams: set it to 24h, or 0s for no limit [request-timeout]',
        'HTTPRoute default/unknown spec.rules[0]: goes before the rule for the model llama in HTTPRoute default/models: paths count before headers, and the prefix /v1 goes before the prefix /: give it the path prefix /, or the rules of models the same path [catch-all-outranks]',
        'InferenceModel default/qwen spec.modelName: warning: no HTTPRoute has a rule for "qwen": its requests get what unknown models get: add a rule that matches the header X-Gateway-Model-Name: qwen [model-without-route]',
        "InferencePool default/qwen spec.endpointPickerRef.name: warning: there is no Service default/epp: a gateway that follows this reference can ask nobody: name the Service of Signalbox, which has to be in the pool's namespace [picker-reference]",
        'InferencePool default/qwen spec.selector: warning: none of 1 Pod with the labels app=qwen is ready: its requests are 503: see why they are not ready [pool-without-endpoints]',
        missing,
        '15 resources: 1 pool, 1 model, 2 routes, 11 others; 3 errors, 8 warnings',
      ],
      exitCode: 1,
    })
    await api.delete(pathOf(own))
  })

  test('validates objects as it does in files, whatever their CRD lets pass', async () => {
    const model = copyOf(makeSite().model, 'lost', { modelName: 'lost', poolRef: { name: 'gone' } })
    await put(api, model)
    const { lines, exitCode } = await run()
    expect(lines).toContain(
      'InferenceModel default/lost spec.poolRef.name: there is no valid InferencePool default/gone',
    )
    expect(exitCode).toBe(1)
    await api.delete(pathOf(model))
  })

  test('puts files in the place of what has their name in the cluster', async () => {
    for (const manifest of [...Object.values(makeValidSite()), ...pods]) await put(api, manifest)
    const { lines, exitCode } = await run('-f', 'examples/two-models/models.yaml', '-o', 'json')
    const findings = JSON.parse(lines.join('\n'))
    expect(findings.map(({ id, place }: { id: string; place: string }) => [id, place.split(':')[0]])).toEqual(
      // The model qwen of the file replaces the cluster's, and there are no pools and routes for it.
      expect.arrayContaining([['invalid', 'examples/two-models/models.yaml']]),
    )
    expect(lines.join('\n')).not.toContain('InferenceModel default/qwen"')
    expect(exitCode).toBe(1)
  })

  test('checks the rest where a kind may not be listed, and says which', async () => {
    const rights = (groups: readonly string[], resources: readonly string[]) => ({
      apiGroups: groups,
      resources,
      verbs: ['list'],
    })
    await api.create('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'check' },
      rules: [
        rights(['inference.networking.k8s.io', 'inference.networking.x-k8s.io', 'llm-d.ai'], ['*']),
        rights(['gateway.networking.k8s.io', 'aigateway.envoyproxy.io'], ['*']),
        rights(['gateway.envoyproxy.io'], ['envoyextensionpolicies', 'backendtrafficpolicies', 'backends']),
        rights([''], ['services', 'configmaps', 'pods']),
      ],
    })
    await api.create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'check' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'check' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'signalbox' }],
    })
    const extension = makeValidSite().extension
    delete extension.spec.extProc[0].messageTimeout
    await put(api, extension)
    await expect
      .poll(() => check('--kubeconfig', api.kubeconfigOf('signalbox')), { timeout: 20_000 })
      .toMatchObject({
        lines: [
          'clienttrafficpolicies.gateway.envoyproxy.io: not checked: clienttrafficpolicies.gateway.envoyproxy.io is forbidden: User "signalbox" cannot list resource "clienttrafficpolicies" in API group "gateway.envoyproxy.io" at the cluster scope',
          expect.stringMatching(/^EnvoyExtensionPolicy default\/signalbox .* \[message-timeout\]$/),
          missing,
          '13 resources: 1 pool, 1 model, 2 routes, 9 others; 1 error, 1 warning',
        ],
        exitCode: 2,
      })
  })

  test('knows the extensions of Envoy Gateway by its configuration', async () => {
    const site = makeValidSite()
    site.models.spec.rules[0].backendRefs = [
      { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'qwen', port: 8000 },
    ]
    for (const manifest of [...Object.values(site), ...pods]) await put(api, manifest)
    const namespace = 'envoy-gateway-system'
    await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    const configure = (extensionManager: object) =>
      put(api, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'envoy-gateway-config', namespace },
        data: {
          'envoy-gateway.yaml': JSON.stringify({
            apiVersion: 'gateway.envoyproxy.io/v1alpha1',
            kind: 'EnvoyGateway',
            extensionManager,
          }),
        },
      })
    expect((await run()).lines).toHaveLength(2)
    await configure({ backendResources: [] })
    expect((await run()).lines[0]).toMatch(/^HTTPRoute default\/models .* \[pool-needs-extension\]$/)
    const pool = { group: 'inference.networking.k8s.io', version: 'v1', kind: 'InferencePool' }
    await configure({ backendResources: [pool] })
    expect((await run()).lines).toHaveLength(2)
  })

  test('looks into one namespace alone', async () => {
    await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'lab' } })
    const pool = copyOf(makeSite().pool, 'lab')
    pool.metadata.namespace = 'lab'
    await put(api, pool)
    expect(await run('--watch-namespace', 'lab')).toMatchObject({
      lines: [
        expect.stringMatching(/^InferencePool lab\/lab spec.endpointPickerRef.name: .* no Service lab\/signalbox: /),
        expect.stringMatching(/^InferencePool lab\/lab spec.selector: .* no Pod in lab has the labels app=qwen: /),
        missing,
        '1 resource: 1 pool; 2 warnings',
      ],
      exitCode: 0,
    })
  })
})

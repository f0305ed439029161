import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAccess } from '../../src/admin/access.ts'
import { metricsAudience } from '../../src/admin/reviews.ts'
import { systemClock } from '../../src/clock.ts'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { KubeClient } from '../../src/kubernetes/client.ts'
import { requestFrom } from '../admin/serving.ts'
import { model, poolV1 } from '../catalog/resources.ts'
import { createAccounts, kubeconfigOf, rightsOf } from '../deploy/accounts.ts'
import { entrypoint, root, stageNamed } from '../deploy/dockerfile.ts'
import { isServing } from '../deploy/health.ts'
import { collectionOf, createNamespace, golden, manifests, objectsIn, startCluster } from '../deploy/objects.ts'
import type { KubeApi, KubeObject } from '../real/kube-api.ts'
import { findParts } from '../real/parts.ts'

const { found, missing } = findParts(['KUBEBUILDER_ASSETS', 'SIGNALBOX_CRDS'])
for (const line of missing) console.log(`skipped: the rights of service accounts on a real API server: ${line}`)

const startTimeoutMs = 30_000
const models = '/apis/inference.networking.x-k8s.io/v1alpha2/namespaces/default/inferencemodels'
const pools = '/apis/inference.networking.k8s.io/v1/namespaces/default/inferencepools'
const gatewayApi = 'gateway.networking.k8s.io/v1'

describe.skipIf(missing.length > 0)('the service accounts', () => {
  let folder: string
  let api: KubeApi

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'signalbox-rights-'))
    api = await startCluster(found.KUBEBUILDER_ASSETS, found.SIGNALBOX_CRDS, folder)
    await createAccounts(api, [...manifests, join(golden, 'one-pool.yaml')].flatMap(objectsIn))
  })

  afterAll(async () => {
    await api?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test.each(Object.entries(expectedRights))('%s may do this, and nothing else', async (account, expected) => {
    const [namespace, name] = account.split('/')
    const kubeconfig = await kubeconfigOf(api, namespace, name)
    const rights: string[] = []
    for (const where of everywhere) {
      rights.push(...(await rightsOf(kubeconfig, where)).map((right) => `${where}: ${right}`))
    }
    expect(rights.sort()).toEqual([...expected].sort())
  })

  test('may do all that the pods do', async () => {
    await createCluster(api)
    const programs = await Promise.all(containers().map(({ name, args }) => start(name, args)))
    try {
      for (const { program, isReady } of programs) await untilReady(program, isReady, startTimeoutMs)
      const poll = (path: string) => expect.poll(() => api.get(path))
      await poll(`${models}/older`).toMatchObject({ status: { conditions: [{ type: 'Accepted', status: 'True' }] } })
      await poll(`${models}/younger`).toMatchObject({ status: { conditions: [{ reason: 'ModelNameInUse' }] } })
      await poll(`${pools}/pool`).toMatchObject({ status: { parents: [{ parentRef: { name: 'gateway' } }] } })
      const events = async () => JSON.stringify(await api.get('/api/v1/namespaces/default/events'))
      await expect.poll(events).toContain('"reason":"ModelNameInUse"')
      for (const { program } of programs) expect(program.lastLines(1000)).not.toMatch(/forbidden|may not/)
    } finally {
      for (const { program } of programs) await program.stop()
    }
  })

  test.each(['signalbox', 'signalbox-controller', 'signalbox-extension'])(
    'of %s may ask whose a token is: who may get /metrics is let in, all others are told why not',
    async (name) => {
      const access = createAccess(
        { asksForTokens: true, tokenFile: undefined },
        new KubeClient(await kubeconfigOf(api, 'default', name)),
        systemClock,
        pino({ level: 'silent' }),
      )
      const statusFor = async (token: string, path: string) => {
        const headers = { host: '10.0.0.5:9090', authorization: `Bearer ${token}` }
        return (await access(requestFrom('10.0.0.9', headers), path))?.status
      }
      const reader = await tokenOf(api, `${name}-reader`, ['/metrics'])
      const stranger = await tokenOf(api, `${name}-stranger`, [])
      expect(await statusFor(reader, '/metrics')).toBeUndefined()
      expect(await statusFor(reader, '/state')).toBe(403)
      expect(await statusFor(stranger, '/metrics')).toBe(403)
      expect(await statusFor('no-token-of-this-cluster', '/metrics')).toBe(401)
      const forMetrics = await kubeconfigOf(api, 'default', `${name}-reader`, metricsAudience)
      expect(await statusFor(forMetrics.users[0].token!, '/metrics')).toBeUndefined()
      const forOthers = await kubeconfigOf(api, 'default', `${name}-reader`, 'others')
      expect(await statusFor(forOthers.users[0].token!, '/metrics')).toBe(401)
      // Before the API server it is nobody's.
      await expect(rightsOf(forMetrics, 'default')).rejects.toThrow('401')
    },
  )

  test('of the controller may make, change and delete all that routes are made of', async () => {
    await createNamespace(api, 'ome')
    for (const object of services) await api.create(await collectionOf(api, object), object)
    const { name, args } = containers().find(isController)!
    const { program, isReady } = await start(name, args)
    const poll = (path: string) => expect.poll(() => api.get(path))
    const gone = (path: string) => expect.poll(() => api.get(path).catch(String)).toContain('404')
    try {
      await untilReady(program, isReady, startTimeoutMs)
      await poll(paths.aimRoute).toMatchObject({ metadata: { ownerReferences: [{ kind: 'AIMService' }] } })
      await poll(paths.aimService).toMatchObject({ status: { routing: { path: '/default/chat' } } })
      await poll(paths.virtualService).toMatchObject({ spec: { hosts: ['serverless.default.svc.cluster.local'] } })
      await poll(paths.service).toMatchObject({ spec: { type: 'ExternalName' } })
      await poll(paths.ingress).toMatchObject({ spec: { ingressClassName: 'nginx' } })

      const ingress = { enableGatewayAPI: true, omeIngressGateway: 'default/gateway' }
      await api.apply(paths.configMap, configMap({ ingress: JSON.stringify(ingress) }))
      await poll(paths.route).toMatchObject({ spec: { parentRefs: [{ name: 'gateway' }] } })
      await poll(paths.securityPolicy).toMatchObject({ spec: { targetRefs: [{ kind: 'HTTPRoute', name: 'raw' }] } })
      await gone(paths.ingress)

      const disabled = { metadata: { annotations: { 'ome.io/disable-ingress': 'true' } } }
      await api.patch(paths.raw, disabled)
      await poll(paths.raw).toMatchObject({ status: { conditions: [{ reason: 'AuthUnsupported' }] } })
      for (const path of [paths.route, paths.securityPolicy]) await gone(path)
      await api.patch(paths.serverless, disabled)
      await poll(paths.service).toMatchObject({ spec: { type: 'ClusterIP' } })
      await gone(paths.virtualService)
      await api.patch(paths.aimService, { spec: { routing: { enabled: false } } })
      await gone(paths.aimRoute)
      expect(program.lastLines(1000)).not.toMatch(/forbidden|may not|could not be written/)
    } finally {
      await program.stop()
    }
  })

  test('of a controller for one namespace may read all that it watches', async () => {
    const [{ args }] = containersIn([join(golden, 'one-pool.yaml')]).filter(isController)
    const { program, isReady } = await start('signalbox-controller', args, 'inference')
    try {
      await untilReady(program, isReady, startTimeoutMs)
      expect(program.lastLines(1000)).not.toMatch(/forbidden|may not/)
    } finally {
      await program.stop()
    }
  })

  test('of a reference endpoint picker may do all that the image needs in its place', async () => {
    const metadata = { name: 'vllm-llama3-epp', namespace: 'default' }
    const binding = {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: metadata.name }],
    }
    const apiVersion = 'rbac.authorization.k8s.io/v1'
    await createAccounts(api, [
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
      { apiVersion, kind: 'Role', metadata, rules: referenceRules },
      { apiVersion, kind: 'RoleBinding', metadata, ...binding },
    ])
    const configuration = join(folder, 'default-plugins.yaml')
    writeFileSync(configuration, referenceConfiguration)
    const { program, isReady } = await start(metadata.name, [
      ...entrypoint(stageNamed('endpoint-picker')).slice(-2),
      ...['--pool-name', 'vllm-llama3', '--pool-namespace', 'default'],
      ...['--pool-group', 'inference.networking.k8s.io', '--zap-encoder', 'json', '--config-file', configuration],
      ...['--ha-enable-leader-election', '--v', '1', '--tracing=false'],
    ])
    try {
      await untilReady(program, isReady, startTimeoutMs)
    } finally {
      await program.stop()
    }
  })

  /** Runs Signalbox with a token of the account, on free ports. */
  async function start(account: string, args: readonly string[], namespace = 'default') {
    const kubeconfig = join(folder, `kubeconfig-of-${namespace}-${account}`)
    writeFileSync(kubeconfig, (await kubeconfigOf(api, namespace, account)).exportConfig())
    const [port, healthPort, metricsPort] = await freePorts(3)
    const portFlag = { serve: 'grpc-port', controller: undefined, extension: 'extension-port' }[args[0]]
    const flags = [`--kubeconfig=${kubeconfig}`, `--grpc-health-port=${healthPort}`, `--metrics-port=${metricsPort}`]
    if (portFlag !== undefined) flags.push(`--${portFlag}=${port}`)
    const command = join(root, 'bin', 'signalbox')
    const program = new GuardedProcess({ name: account, command, args: [...args, ...flags] })
    return { program, isReady: () => isServing(healthPort, 'readiness') }
  }
})

type Container = { readonly name: string; readonly args: readonly string[] }

const isController = ({ args: [command] }: Container): boolean => command === 'controller'

/** Of the Deployments in deploy/, with what deploy/manifests-with-extension and deploy/components/routes change in them. */
function containers(): Container[] {
  const withRoutes = (arg: string) => (arg === '--no-routes' ? '--ome-config=ome/inferenceservice-config' : arg)
  return containersIn(manifests).map((container) =>
    isController(container) ? { ...container, args: [...container.args.map(withRoutes), '--pool-status'] } : container,
  )
}

function containersIn(files: readonly string[]): Container[] {
  const deployments = files.flatMap(objectsIn).filter(({ kind }) => kind === 'Deployment')
  return deployments.map(({ metadata, spec }) => {
    const { template } = spec as { template: { spec: { containers: { args: string[] }[] } } }
    return { name: metadata.name, args: template.spec.containers[0].args }
  })
}

/** Something to do for each component. */
async function createCluster(api: KubeApi): Promise<void> {
  const poolRef = { group: 'inference.networking.k8s.io', name: 'pool' }
  // Made in the same second, they are told apart by their names.
  for (const name of ['older', 'younger']) await api.create(models, model({ poolRef }, { name }) as KubeObject)
  await api.create(pools, poolV1() as KubeObject)
  const create = (collection: string, kind: string, name: string, spec: object) =>
    api.create(`/apis/${gatewayApi}/${collection}`, { apiVersion: gatewayApi, kind, metadata: { name }, spec })
  const controllerName = 'gateway.envoyproxy.io/gatewayclass-controller'
  await create('gatewayclasses', 'GatewayClass', 'envoy', { controllerName })
  const listeners = [{ name: 'http', protocol: 'HTTP', port: 8080 }]
  await create('namespaces/default/gateways', 'Gateway', 'gateway', { gatewayClassName: 'envoy', listeners })
  const rules = [{ backendRefs: [{ ...poolRef, kind: 'InferencePool' }] }]
  await create('namespaces/default/httproutes', 'HTTPRoute', 'route', { parentRefs: [{ name: 'gateway' }], rules })
}

const inferenceService = (name: string, annotations: object, labels: object = {}): KubeObject => ({
  apiVersion: 'ome.io/v1beta1',
  kind: 'InferenceService',
  metadata: { name, namespace: 'default', annotations, labels } as KubeObject['metadata'],
  spec: { engine: { minReplicas: 1 } },
})

const configMap = (data: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'inferenceservice-config', namespace: 'ome' },
  data,
})

/** Between them they need every kind of object that routes are made of. */
const services: readonly KubeObject[] = [
  configMap({ ingress: '{}' }),
  inferenceService('raw', {
    'ome.io/deployment-mode': 'RawDeployment',
    'ome.io/ingress-class': 'nginx',
    'signalbox.dev/auth': 'basic',
    'signalbox.dev/auth-secret': 'users',
  }),
  inferenceService('serverless', {}, { 'networking.knative.dev/visibility': 'cluster-local' }),
  {
    apiVersion: 'aim.eai.amd.com/v1alpha1',
    kind: 'AIMService',
    metadata: { name: 'chat', namespace: 'default' },
    spec: {
      model: { name: 'qwen' },
      routing: {
        enabled: true,
        gatewayRef: { name: 'gateway' },
        pathTemplate: '/{.metadata.namespace}/{.metadata.name}',
      },
    },
  },
]

const gatewayRoutes = `/apis/${gatewayApi}/namespaces/default/httproutes`
const inferenceServices = '/apis/ome.io/v1beta1/namespaces/default/inferenceservices'
const paths = {
  configMap: '/api/v1/namespaces/ome/configmaps/inferenceservice-config',
  raw: `${inferenceServices}/raw`,
  serverless: `${inferenceServices}/serverless`,
  aimService: '/apis/aim.eai.amd.com/v1alpha1/namespaces/default/aimservices/chat',
  service: '/api/v1/namespaces/default/services/serverless',
  ingress: '/apis/networking.k8s.io/v1/namespaces/default/ingresses/raw',
  virtualService: '/apis/networking.istio.io/v1beta1/namespaces/default/virtualservices/serverless',
  securityPolicy: '/apis/gateway.envoyproxy.io/v1alpha1/namespaces/default/securitypolicies/raw',
  route: `${gatewayRoutes}/raw`,
  // The hash is that of the namespace.
  aimRoute: `${gatewayRoutes}/chat-1080a608`,
} as const

const poolResources = [
  'inferencepools.inference.networking.k8s.io',
  'inferencepools.inference.networking.x-k8s.io',
  'inferencemodels.inference.networking.x-k8s.io',
  'inferenceobjectives.inference.networking.x-k8s.io',
  'inferencemodelrewrites.inference.networking.x-k8s.io',
  'inferenceobjectives.llm-d.ai',
  'inferencemodelrewrites.llm-d.ai',
]
const routingResources = [...poolResources, 'httproutes.gateway.networking.k8s.io', 'pods', 'configmaps']
const everywhere = ['default', 'inference', 'elsewhere']

const allowed = (namespaces: readonly string[], verbs: string, resources: readonly string[]) =>
  namespaces.flatMap((where) => resources.map((resource) => `${where}: ${verbs} ${resource}`))
const reading = (namespaces: readonly string[], resources: readonly string[]) =>
  allowed(namespaces, 'get list watch', resources)
const contending = (namespace: string, lease: string) => [
  `${namespace}: create leases.coordination.k8s.io`,
  `${namespace}: get update leases.coordination.k8s.io ${lease}`,
]
const statusOf = (resources: readonly string[]) => resources.map((resource) => resource.replace('.', '/status.'))
const isPool = (resource: string) => resource.startsWith('inferencepools.')

const serviceResources = ['inferenceservices.ome.io', 'aimservices.aim.eai.amd.com']
const routeResources = [
  'services',
  'ingresses.networking.k8s.io',
  'httproutes.gateway.networking.k8s.io',
  'virtualservices.networking.istio.io',
  'securitypolicies.gateway.envoyproxy.io',
]

/** For the bearer tokens of those who read metrics. */
const reviewing = allowed(everywhere, 'create', [
  'tokenreviews.authentication.k8s.io',
  'subjectaccessreviews.authorization.k8s.io',
])

/** Of a controller with --pool-status and with routes. */
const controlling = (namespaces: readonly string[], leaseNamespace: string) => [
  ...reading(namespaces, [...poolResources, ...serviceResources, 'aimruntimeconfigs.aim.eai.amd.com']),
  ...reading(everywhere, ['gateways.gateway.networking.k8s.io', 'gatewayclasses.gateway.networking.k8s.io']),
  ...reading(everywhere, ['aimclusterruntimeconfigs.aim.eai.amd.com', 'configmaps inferenceservice-config']),
  ...allowed(namespaces, 'create delete get list patch watch', routeResources),
  ...allowed(namespaces, 'get update', statusOf(serviceResources)),
  ...allowed(namespaces, 'update', ['inferenceservices/finalizers.ome.io']),
  ...allowed(namespaces, 'patch', statusOf(poolResources.filter((resource) => !isPool(resource)))),
  ...allowed(namespaces, 'get update', statusOf(poolResources.filter(isPool))),
  ...allowed(namespaces, 'create', ['events', 'configmaps']),
  ...allowed(namespaces, 'get list update watch', ['configmaps signalbox-rollouts']),
  ...reading([leaseNamespace], ['pods']),
  ...contending(leaseNamespace, 'signalbox-controller'),
  ...reviewing,
]

/** A token of a new account that may get these paths. */
async function tokenOf(api: KubeApi, name: string, nonResourceURLs: readonly string[]): Promise<string> {
  const metadata = { name, namespace: 'default' }
  const rbac = 'rbac.authorization.k8s.io/v1'
  const role = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name }
  const subjects = [{ kind: 'ServiceAccount', ...metadata }]
  await createAccounts(api, [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata }])
  if (nonResourceURLs.length > 0) {
    await createAccounts(api, [
      { apiVersion: rbac, kind: 'ClusterRole', metadata: { name }, rules: [{ nonResourceURLs, verbs: ['get'] }] },
      { apiVersion: rbac, kind: 'ClusterRoleBinding', metadata: { name }, roleRef: role, subjects },
    ])
  }
  const { users } = await kubeconfigOf(api, 'default', name)
  return users[0].token!
}

/** By namespace/name of the ServiceAccount. */
const expectedRights: Readonly<Record<string, readonly string[]>> = {
  'default/signalbox': [...reading(everywhere, routingResources), ...reviewing],
  'default/signalbox-controller': controlling(everywhere, 'default'),
  'default/signalbox-extension': [...reading(everywhere, routingResources), ...reviewing],
  // Of one namespace, with --ha-enable-leader-election.
  'inference/signalbox': [
    ...reading(['inference'], routingResources),
    ...reviewing,
    ...contending('inference', 'epp-inference-vllm-llama3.gateway-api-inference-extension.sigs.k8s.io'),
  ],
  'inference/signalbox-controller': controlling(['inference'], 'inference'),
  'inference/signalbox-extension': [...reading(['inference'], routingResources), ...reviewing],
}

/** What the reference's installation allows its endpoint picker. */
const referenceRules = [
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'watch', 'list'] },
  { apiGroups: ['inference.networking.k8s.io'], resources: ['inferencepools'], verbs: ['get', 'watch', 'list'] },
  {
    apiGroups: ['inference.networking.x-k8s.io'],
    resources: ['inferenceobjectives', 'inferencemodelrewrites'],
    verbs: ['get', 'watch', 'list'],
  },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'],
  },
]

const referenceConfiguration = `
apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefix-cache-scorer
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: kv-cache-utilization-scorer, weight: 2}
  - {pluginRef: prefix-cache-scorer, weight: 3}
`

import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { Controller } from '../../src/controller/controller.ts'
import { ApiError, KubeClient, type PatchType, type Query } from '../../src/kubernetes/client.ts'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { loadKubeconfig } from '../../src/kubernetes/kubeconfig.ts'
import { collectionPath, objectPath, type ResourceKind } from '../../src/kubernetes/object.ts'
import type { KubeApi } from '../real/kube-api.ts'
import { installCrds, isSkipped, put } from './cluster.ts'
import { conditionOf, eventually, read, type Stored } from './controller.ts'
import { clear, list, routeCrdNames, startRouteCluster, startRouteController, untilStill } from './route-cluster.ts'

const { inferenceService, aimService, httpRoute, securityPolicy, service, virtualService, configMap } = kinds

const namespace = 'default'
const raw = { 'ome.io/deployment-mode': 'RawDeployment' }
const guarded = { ...raw, 'signalbox.dev/auth': 'apikey', 'signalbox.dev/auth-secret': 'keys' }
const byModel = { 'signalbox.dev/model-routing': 'true', 'signalbox.dev/model-name': 'llama' }
const engine = { engine: { minReplicas: 1 } }
const omeConfig = {
  metadata: { name: 'inferenceservice-config', namespace: 'ome' },
  data: { ingress: JSON.stringify({ omeIngressGateway: 'edge/inference-gw', enableGatewayAPI: true }) },
}
const aimSpec = {
  model: { name: 'qwen3-32b' },
  routing: {
    enabled: true,
    gatewayRef: { name: 'inference-gw', namespace: 'edge' },
    pathTemplate: '/{.metadata.name}',
  },
}
/** Of AIMService qwen-chat in namespace default. */
const aimRoute = 'qwen-chat-1080a608'
/** apiextensions.k8s.io/v1 JSONSchemaProps, as far as it is changed here. */
type Schema = { properties?: Record<string, Schema> }

type Policy = Stored & { spec: { targetRefs: { name: string }[] } }

/** Does something before a call, which waits for it. */
class DelayedClient extends KubeClient {
  before: (method: string, path: string, body?: object) => Promise<void> = async () => {}

  override async get(path: string, query?: Query, signal?: AbortSignal): Promise<unknown> {
    await this.before('GET', path)
    return super.get(path, query, signal)
  }

  override async update(path: string, object: object, query?: Query) {
    await this.before('PUT', path, object)
    return super.update(path, object, query)
  }

  override async patch(path: string, type: PatchType, change: object, query?: Query) {
    await this.before('PATCH', path, change)
    return super.patch(path, type, change, query)
  }
}

describe.skipIf(isSkipped)('routes in odd moments', () => {
  let api: KubeApi
  let controller: Controller | undefined
  beforeAll(async () => {
    api = await startRouteCluster('full')
  })
  afterAll(() => api?.stop())
  afterEach(async () => {
    await controller?.close()
    controller = undefined
    await clear(api)
  })

  async function start(): Promise<void> {
    controller = await startRouteController(api)
  }
  /** Before each call of that controller `before` is done. */
  async function startDelayed(before: DelayedClient['before']): Promise<void> {
    const client = new DelayedClient(await loadKubeconfig(api.kubeconfig))
    client.before = before
    controller = new Controller(
      client,
      {
        namespace: undefined,
        routes: { omeConfig: { namespace: 'ome', name: 'inferenceservice-config' } },
        poolStatusFor: undefined,
        rollouts: undefined,
        leaseNamespace: namespace,
        identity: 'delayed',
        clock: systemClock,
        random: Math.random,
      },
      pino({ level: 'silent' }),
    )
    void controller.start()
  }
  const putOme = (spec: object, annotations: object, name = 'llama') =>
    put(api, inferenceService, { metadata: { name, annotations }, spec } as never)
  const putAim = (metadata: object = {}) =>
    put(api, aimService, { metadata: { name: 'qwen-chat', ...metadata }, spec: aimSpec } as never)
  const setFinalizers = (kind: ResourceKind, name: string, finalizers: readonly string[] | null) =>
    api.patch(objectPath(kind, namespace, name), { metadata: { finalizers } })

  test('a policy goes when the last of the routes that it guards is gone', async () => {
    await start()
    await put(api, configMap, omeConfig as never)
    await putOme(engine, guarded)
    await eventually(() => read(api, httpRoute, 'llama'))
    await setFinalizers(httpRoute, 'llama', ['example.com/slow'])
    await putOme(engine, { ...guarded, 'ome.io/deployment-mode': 'Serverless' })
    await eventually(async () =>
      expect((await read(api, httpRoute, 'llama')).metadata).toHaveProperty('deletionTimestamp'),
    )
    await untilStill(api, controller!)
    await read(api, securityPolicy, 'llama')
    await setFinalizers(httpRoute, 'llama', null)
    await eventually(() => expect(read(api, securityPolicy, 'llama')).rejects.toThrow('404'))
  })

  test('a service that is to be guarded loses its model route, which can not be', async () => {
    await start()
    await put(api, configMap, omeConfig as never)
    await putOme(engine, { ...raw, ...byModel })
    await eventually(() => read(api, httpRoute, 'llama-model'))
    await putOme(engine, { ...guarded, ...byModel })
    await eventually(async () =>
      expect(await conditionOf(api, inferenceService, 'llama', 'ModelRouteReady')).toMatchObject({
        status: 'False',
        reason: 'AuthUnsupported',
      }),
    )
    await untilStill(api, controller!)
    expect((await list(api, httpRoute)).map(({ metadata }) => metadata.name)).toEqual(['llama'])
    const { spec } = (await read(api, securityPolicy, 'llama')) as Policy
    expect(spec.targetRefs.map(({ name }) => name)).toEqual(['llama'])
  })

  test('where the name of its route is taken, nothing is promised of an AIMService', async () => {
    await put(api, httpRoute, { metadata: { name: aimRoute }, spec: { parentRefs: [{ name: 'theirs' }] } } as never)
    await start()
    await putAim({ annotations: byModel })
    await eventually(async () =>
      expect(await conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady')).toMatchObject({
        reason: 'NameCollision',
      }),
    )
    const { status } = await read(api, aimService, 'qwen-chat')
    expect(status).not.toHaveProperty('routing')
    expect(status!.conditions!.map(({ type }) => type)).toEqual(['HTTPRouteReady'])
  })
  test('what somebody makes while a route is on its way is not merged with it', async () => {
    const path = objectPath(httpRoute, namespace, aimRoute)
    const theirs = { metadata: { name: aimRoute }, spec: { hostnames: ['theirs.example.com'] } }
    let isMade = false
    await startDelayed(async (method, called) => {
      if (method !== 'PATCH' || called !== path || isMade) return
      isMade = true
      await put(api, httpRoute, theirs as never)
    })
    await putAim()
    await eventually(async () =>
      expect(await conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady')).toMatchObject({
        reason: 'NameCollision',
      }),
    )
    const { metadata, spec } = await read(api, httpRoute, aimRoute)
    expect(metadata).not.toHaveProperty('ownerReferences')
    expect(spec).not.toHaveProperty('rules.0.filters')
  })

  test('no model has another way before all services that may have its name are known', async () => {
    await put(api, configMap, omeConfig as never)
    await putOme(engine, { ...raw, ...byModel })
    await putAim({ annotations: byModel })
    await put(api, aimService, { metadata: { name: 'other' }, spec: aimSpec } as never)
    const listed = Promise.withResolvers<void>()
    const made: string[] = []
    await startDelayed(async (method, path) => {
      if (method === 'GET' && path.endsWith('/inferenceservices')) await listed.promise
      if (method === 'PATCH' && path.includes('/httproutes/')) made.push(path.slice(path.lastIndexOf('/') + 1))
    })
    await eventually(() => conditionOf(api, aimService, 'other', 'HTTPRouteReady'))
    await eventually(() => expect(controller!.isIdle).toBe(true))
    expect(made).not.toContain(`${aimRoute}-model`)
    listed.resolve()
    await eventually(async () =>
      expect(await conditionOf(api, aimService, 'qwen-chat', 'ModelRouteReady')).toMatchObject({
        reason: 'ModelNameInUse',
      }),
    )
    await eventually(() => read(api, httpRoute, 'llama-model'))
    expect(made).not.toContain(`${aimRoute}-model`)
  })

  test('nor while services that may have it are left as they are', async () => {
    await putOme(engine, { ...raw, ...byModel })
    await putAim({ annotations: byModel })
    await put(api, aimService, { metadata: { name: 'other' }, spec: aimSpec } as never)
    const made: string[] = []
    await startDelayed(async (method, path) => {
      if (method === 'GET' && path.endsWith('/namespaces/ome/configmaps'))
        throw new ApiError(403, 'Forbidden', 'no right')
      if (method === 'PATCH' && path.includes('/httproutes/')) made.push(path.slice(path.lastIndexOf('/') + 1))
    })
    await eventually(() => conditionOf(api, aimService, 'other', 'HTTPRouteReady'))
    await untilStill(api, controller!)
    expect(made).toEqual(['other-1080a608'])
  })

  test('a verdict is never said of a generation that came after it', async () => {
    const said: unknown[] = []
    await startDelayed(async (method, path, body) => {
      if (method !== 'PUT' || !path.endsWith('/aimservices/qwen-chat/status')) return
      const spec = { ...aimSpec, routing: { ...aimSpec.routing, pathTemplate: '/changed' } }
      if (said.length === 0) await put(api, aimService, { metadata: { name: 'qwen-chat' }, spec } as never)
      const { status } = body as Stored
      const { observedGeneration } = status!.conditions!.find(({ type }) => type === 'HTTPRouteReady')!
      said.push(`${(status!.routing as { path: string }).path} ${observedGeneration}`)
    })
    await putAim()
    await eventually(() => expect(said).toContain('/changed 2'))
    expect(said).not.toContain('/qwen-chat 2')
  })

  test('of what needs a kind that the cluster lacks nothing is made or changed', async () => {
    await api.delete(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${routeCrdNames.virtualService}`)
    try {
      await eventually(() => expect(api.get(collectionPath(virtualService))).rejects.toThrow('404'))
      await start()
      await put(api, configMap, omeConfig as never)
      await putOme(engine, { ...raw, 'ome.io/disable-ingress': 'true' })
      await eventually(() => read(api, service, 'llama'))
      await putOme(engine, { 'ome.io/deployment-mode': 'Serverless' })
      await eventually(async () =>
        expect(await conditionOf(api, inferenceService, 'llama', 'IngressReady')).toMatchObject({
          reason: 'ApplyFailed',
          message: expect.stringContaining('virtualservices.networking.istio.io'),
        }),
      )
      await untilStill(api, controller!)
      expect(await read(api, service, 'llama')).toMatchObject({ spec: { type: 'ClusterIP' } })
    } finally {
      await installCrds(api, [routeCrdNames.virtualService])
    }
  })
  test('of a status that the CRD has no field for no more is written than it can hold', async () => {
    const crd = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${routeCrdNames.aimService}`
    const { spec } = (await api.get(crd)) as { spec: { versions: Record<string, unknown>[] } }
    const without = structuredClone(spec.versions) as never as { schema: { openAPIV3Schema: Schema } }[]
    for (const { schema } of without) delete schema.openAPIV3Schema.properties!.status.properties!.routing
    await api.patch(crd, { spec: { versions: without } })
    try {
      let writes = 0
      await startDelayed(async (method, path) => {
        if (method === 'PUT' && path.endsWith('/aimservices/qwen-chat/status')) writes += 1
      })
      await eventually(async () => {
        const stored = (await putAim()) as Stored
        await api.patch(objectPath(aimService, namespace, 'qwen-chat', 'status'), {
          status: { routing: { path: '/x' } },
        })
        expect((await read(api, aimService, 'qwen-chat')).metadata.uid).toBe(stored.metadata.uid)
        expect((await read(api, aimService, 'qwen-chat')).status).not.toHaveProperty('routing')
      })
      await eventually(() => conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady'))
      // Longer than the first retries would wait: a lease is renewed every two seconds.
      const lease = '/apis/coordination.k8s.io/v1/namespaces/default/leases/signalbox-controller'
      const renewed = async () => ((await api.get(lease)) as { spec: { renewTime: string } }).spec.renewTime
      for (let renewal = 1; renewal <= 2; renewal += 1) {
        const before = await renewed()
        await eventually(async () => expect(await renewed()).not.toBe(before))
      }
      expect(writes).toBeLessThanOrEqual(3)
    } finally {
      await api.patch(crd, { spec: { versions: spec.versions } })
    }
  })
})

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { objectPath, type ResourceKind } from '../../src/kubernetes/object.ts'
import type { KubeApi } from '../real/kube-api.ts'
import { isSkipped, put, remove } from './cluster.ts'
import { type ControllerProcess, conditionOf, eventually, read, type Stored, startController } from './controller.ts'
import { clear, listGenerated, startRouteCluster } from './route-cluster.ts'

const { inferenceService, aimService, httpRoute, ingress, virtualService, securityPolicy, service, configMap } = kinds

const namespace = 'default'
const owned = (object: Stored) =>
  (object.metadata as unknown as { ownerReferences: Record<string, unknown>[] }).ownerReferences
/** Parts of an object, as far as a test looks at them. */
type Tree = { [field: string]: Tree }
const specOf = (object: Stored) => object.spec as Tree

const gatewayRef = { name: 'inference-gateway', namespace: 'gateways' }
const aimSpec = (pathTemplate: string, more: object = {}) => ({
  model: { name: 'qwen3-32b' },
  routing: { enabled: true, gatewayRef, pathTemplate, ...more },
})
/** Of AIMService qwen-chat in namespace default. */
const aimRoute = 'qwen-chat-1080a608'

const omeConfig = (ingressSettings: object) => ({
  metadata: { name: 'inferenceservice-config', namespace: 'ome' },
  data: { ingress: JSON.stringify({ omeIngressGateway: 'edge/inference-gw', ...ingressSettings }) },
})
const raw = { 'ome.io/deployment-mode': 'RawDeployment' }
const engine = { engine: { minReplicas: 1 } }

describe.skipIf(isSkipped)('routes on a real API server', () => {
  let api: KubeApi
  const running: ControllerProcess[] = []
  beforeAll(async () => {
    api = await startRouteCluster('full')
  })
  afterAll(() => api?.stop())
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop()))
    await clear(api)
  })

  async function start(flags: readonly string[] = []): Promise<ControllerProcess> {
    const controller = await startController(api.kubeconfig, flags)
    running.push(controller)
    return controller
  }

  const putAim = (spec: object, name = 'qwen-chat', metadata: object = {}) =>
    put(api, aimService, { metadata: { name, ...metadata }, spec } as never)
  const putOme = (spec: object, annotations: object = raw, name = 'llama') =>
    put(api, inferenceService, { metadata: { name, annotations }, spec } as never)
  const isGone = (kind: ResourceKind, name: string) =>
    eventually(() => expect(read(api, kind, name)).rejects.toThrow('404'))
  const route = (name = aimRoute) => read(api, httpRoute, name)
  const writes = async (controller: ControllerProcess) => {
    const all = await Promise.all(
      [inferenceService, aimService, httpRoute, ingress, virtualService, securityPolicy, service].map((kind) =>
        controller.writes(kind),
      ),
    )
    return all.reduce((sum, each) => sum + each, 0)
  }

  /** As a gateway controller answers. */
  async function accept(name: string, status = 'True', reason = 'Accepted', message = 'ok'): Promise<void> {
    const { metadata, spec } = (await route(name)) as Stored & { spec: { parentRefs: object[] } }
    const condition = { type: 'Accepted', status, reason, message, observedGeneration: metadata.generation }
    await api.patch(objectPath(httpRoute, namespace, name, 'status'), {
      status: {
        parents: [
          {
            parentRef: spec.parentRefs[0],
            controllerName: 'example.com/gateway',
            conditions: [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }],
          },
        ],
      },
    })
  }

  test('an AIMService gets its route, and says how the gateway takes it', async () => {
    const controller = await start()
    await putAim(aimSpec('/{.metadata.namespace}/{.metadata.name}', { requestTimeout: '1.5s' }))
    await eventually(async () =>
      expect(await conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady')).toEqual({
        type: 'HTTPRouteReady',
        status: 'False',
        reason: 'HTTPRoutePending',
        message: 'HTTPRoute is waiting for gateway acceptance',
        observedGeneration: 1,
      }),
    )
    const made = await route()
    const { metadata } = await read(api, aimService, 'qwen-chat')
    expect(owned(made)).toEqual([
      {
        apiVersion: 'aim.eai.amd.com/v1alpha1',
        kind: 'AIMService',
        name: 'qwen-chat',
        uid: metadata.uid,
        controller: true,
      },
    ])
    expect(specOf(made).rules[0].timeouts).toEqual({ request: '1s500ms' })
    await accept(aimRoute)
    await eventually(async () =>
      expect(await conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady')).toMatchObject({
        status: 'True',
        reason: 'HTTPRouteAccepted',
      }),
    )
    const { status } = await read(api, aimService, 'qwen-chat')
    expect(status).toMatchObject({ routing: { path: '/default/qwen-chat' } })
    await controller.untilIdle()
    expect(await controller.writes(httpRoute)).toBe(1)
    expect(await controller.writes(aimService)).toBe(2)
  })

  test('a change is written to what it changes alone; a restart writes nothing', async () => {
    const first = await start()
    for (const name of ['one', 'two', 'three']) await putAim(aimSpec('/{.metadata.name}'), name)
    await put(api, configMap, omeConfig({ enableGatewayAPI: true }))
    await putOme({ ...engine, router: { minReplicas: 1 } })
    await putOme(engine, {}, 'serverless')
    await eventually(async () => expect(await listGenerated(api)).toHaveLength(3 + 3 + 2))
    await eventually(async () => {
      for (const name of ['one', 'two', 'three']) await conditionOf(api, aimService, name, 'HTTPRouteReady')
      for (const name of ['llama', 'serverless']) await conditionOf(api, inferenceService, name, 'IngressReady')
    })
    await first.untilIdle()
    const before = await writes(first)
    await putAim(aimSpec('/new/{.metadata.name}'), 'two')
    await eventually(async () => {
      const { status } = await read(api, aimService, 'two')
      expect(status).toMatchObject({ routing: { path: '/new/two' }, conditions: [{ observedGeneration: 2 }] })
    })
    await first.untilIdle()
    expect((await writes(first)) - before).toBe(2)
    await first.stop()
    const second = await start()
    await second.untilIdle()
    await putAim(aimSpec('/late'), 'late')
    await eventually(() => conditionOf(api, aimService, 'late', 'HTTPRouteReady'))
    await second.untilIdle()
    expect(await writes(second)).toBe(2)
  })

  test('routing that is switched off takes the route away, and with it all that was said of it', async () => {
    const controller = await start()
    await putAim(aimSpec('/qwen'))
    await eventually(() => conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady'))
    await putAim({ ...aimSpec('/qwen'), routing: { enabled: false } })
    await isGone(httpRoute, aimRoute)
    await eventually(async () => {
      const { status } = await read(api, aimService, 'qwen-chat')
      expect(status).toEqual({ status: 'Pending', conditions: [] })
    })
    await controller.untilIdle()
    expect(await controller.writes(httpRoute, 'deleted')).toBe(1)
  })

  test('an error leaves the route as it is', async () => {
    await start()
    await putAim(aimSpec('/qwen'))
    await eventually(() => conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady'))
    const before = await route()
    await putAim(aimSpec('/{.metadata.labels.team}'))
    await eventually(async () =>
      expect(await conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady')).toMatchObject({
        status: 'False',
        reason: 'PathTemplateInvalid',
        message: expect.stringContaining('.metadata.labels.team'),
      }),
    )
    expect(await route()).toEqual(before)
    const { status } = await read(api, aimService, 'qwen-chat')
    expect(status).not.toHaveProperty('routing')
  })

  test('a route that the gateway refuses is put right by the next change', async () => {
    await start()
    await putAim(aimSpec('/qwen'))
    await eventually(() => route())
    await accept(aimRoute, 'False', 'NoMatchingParent', 'no listener')
    await eventually(async () =>
      expect(await conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady')).toMatchObject({
        reason: 'NoMatchingParent',
        message: 'HTTPRoute rejected: no listener',
      }),
    )
    await putAim(aimSpec('/qwen', { gatewayRef: { ...gatewayRef, sectionName: 'http' } }))
    await eventually(async () => expect(specOf(await route()).parentRefs[0].sectionName).toBe('http'))
  })

  test('fields of others stay, also in a change; a field that another has taken is not fought for', async () => {
    const controller = await start()
    await putAim(aimSpec('/qwen'))
    await eventually(() => route())
    const path = objectPath(httpRoute, namespace, aimRoute)
    await api.patch(`${path}?fieldManager=someone`, {
      metadata: { labels: { theirs: 'yes' }, annotations: { theirs: 'yes' } },
      spec: { hostnames: ['theirs.example.com'] },
    })
    await putAim(aimSpec('/other'))
    await eventually(async () => {
      const changed = await route()
      expect(specOf(changed).rules[0].matches[0].path.value).toBe('/other')
      expect(changed.metadata).toMatchObject({ labels: { theirs: 'yes' }, annotations: { theirs: 'yes' } })
      expect(specOf(changed).hostnames).toEqual(['theirs.example.com'])
    })
    const taken = structuredClone(specOf(await route()).rules)
    taken[0].timeouts = { request: '5s' } as never
    await api.patch(`${path}?fieldManager=someone`, { spec: { rules: taken } })
    await eventually(async () =>
      expect(await conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady')).toMatchObject({
        status: 'False',
        reason: 'ApplyConflict',
        message: expect.stringMatching(/"someone".*\.spec\.rules/s),
      }),
    )
    expect(specOf(await route()).rules[0].timeouts).toEqual({ request: '5s' })
    expect(await controller.writes(httpRoute, 'conflict')).toBeGreaterThan(0)
    // Given back, it is ours again.
    delete taken[0].timeouts
    await api.patch(`${path}?fieldManager=someone`, { spec: { rules: taken } })
    await eventually(async () =>
      expect(await conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady')).toMatchObject({
        reason: 'HTTPRoutePending',
      }),
    )
  })

  test('a route of that name that belongs to nobody or to another is neither changed nor deleted', async () => {
    const foreign = { parentRefs: [{ name: 'theirs' }] }
    await put(api, httpRoute, { metadata: { name: aimRoute }, spec: foreign } as never)
    const before = await route()
    await start()
    await putAim(aimSpec('/qwen'))
    await eventually(async () =>
      expect(await conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady')).toMatchObject({
        reason: 'NameCollision',
        message: expect.stringContaining(aimRoute),
      }),
    )
    await putAim({ ...aimSpec('/qwen'), routing: { enabled: false } })
    await eventually(async () => expect((await read(api, aimService, 'qwen-chat')).status?.conditions).toEqual([]))
    expect(await route()).toEqual(before)
  })

  test('after a delete the children stay as they are, with exact owners, for the garbage collector', async () => {
    const controller = await start()
    await put(api, configMap, omeConfig({}))
    await putAim(aimSpec('/qwen'))
    await putOme(engine)
    await eventually(async () => {
      await conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady')
      await conditionOf(api, inferenceService, 'llama', 'IngressReady')
    })
    await controller.untilIdle()
    const before = await listGenerated(api)
    const { metadata } = await read(api, inferenceService, 'llama')
    expect(owned(before.find(({ kind }) => kind === 'Ingress')!)).toEqual([
      {
        apiVersion: 'ome.io/v1beta1',
        kind: 'InferenceService',
        name: 'llama',
        uid: metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ])
    await remove(api, aimService, 'qwen-chat')
    await remove(api, inferenceService, 'llama')
    // What comes later is done later.
    await putAim(aimSpec('/later'), 'later')
    await eventually(() => conditionOf(api, aimService, 'later', 'HTTPRouteReady'))
    await controller.untilIdle()
    const names = new Set(before.map((object) => object.metadata.uid))
    expect((await listGenerated(api)).filter((object) => names.has(object.metadata.uid))).toEqual(before)
    for (const { kind, metadata } of before) {
      if (kind === 'HTTPRoute') await remove(api, httpRoute, metadata.name)
    }
    await putAim(aimSpec('/last'), 'last')
    await eventually(() => conditionOf(api, aimService, 'last', 'HTTPRouteReady'))
    await expect(route()).rejects.toThrow('404')
  })

  test('a route that somebody deletes comes back', async () => {
    await start()
    await putAim(aimSpec('/qwen'))
    const { metadata } = await eventually(() => route())
    await remove(api, httpRoute, aimRoute)
    await eventually(async () => expect((await route()).metadata.uid).not.toBe(metadata.uid))
  })

  test('the objects of an InferenceService change with its mode, and the old ones go', async () => {
    const controller = await start()
    const kindsAndNames = async () =>
      (await listGenerated(api)).map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()
    const becomes = (...expected: string[]) => eventually(async () => expect(await kindsAndNames()).toEqual(expected))
    await put(api, configMap, omeConfig({}))
    await putOme(engine)
    await becomes('Ingress llama')
    await put(api, configMap, omeConfig({ enableGatewayAPI: true }))
    await becomes('HTTPRoute llama')
    await putOme(engine, { 'ome.io/deployment-mode': 'Serverless' })
    await becomes('Service llama', 'VirtualService llama')
    await putOme(engine, { ...raw, 'ome.io/disable-ingress': 'true', 'ome.io/service-type': 'NodePort' })
    await becomes('Service llama')
    expect(specOf(await read(api, service, 'llama'))).toMatchObject({ type: 'NodePort', ports: [{ port: 8080 }] })
    await putOme(engine, { 'ome.io/deployment-mode': 'Serverless' })
    await becomes('Service llama', 'VirtualService llama')
    await eventually(async () =>
      expect(specOf(await read(api, service, 'llama'))).toMatchObject({ type: 'ExternalName' }),
    )
    await putOme(engine, { 'ome.io/deployment-mode': 'VirtualDeployment' })
    await becomes()
    await eventually(async () => {
      const { status } = await read(api, inferenceService, 'llama')
      expect(status).toMatchObject({
        url: 'http://llama.default.svc.cluster.local',
        conditions: [{ type: 'Ready', status: 'True', reason: 'VirtualDeployment' }],
      })
    })
    await controller.untilIdle()
    expect(await controller.writes(service, 'failed')).toBe(0)
  })

  test('a route is guarded before it is there, and its guard goes after it', async () => {
    const controller = await start()
    await put(api, configMap, omeConfig({ enableGatewayAPI: true }))
    const auth = { ...raw, 'signalbox.dev/auth': 'apikey', 'signalbox.dev/auth-secret': 'keys' }
    await putOme(engine, auth)
    const guard = await eventually(() => read(api, securityPolicy, 'llama'))
    const guarded = await eventually(() => route('llama'))
    expect(Number(guard.metadata.resourceVersion)).toBeLessThan(Number(guarded.metadata.resourceVersion))
    expect(specOf(guard)).toMatchObject({
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'llama' }],
      apiKeyAuth: { credentialRefs: [{ name: 'keys' }] },
    })
    // Ways more are guarded first, and are closed before their guard lets go of them.
    const targets = (policy: Stored) =>
      (specOf(policy).targetRefs as never as { name: string }[]).map(({ name }) => name)
    await putOme({ ...engine, router: { minReplicas: 1 } }, auth)
    await eventually(() => route('llama-router'))
    const all = ['llama', 'llama-engine', 'llama-router']
    expect(targets(await read(api, securityPolicy, 'llama'))).toEqual(all)
    const path = objectPath(httpRoute, namespace, 'llama-router')
    await api.patch(path, { metadata: { finalizers: ['signalbox.dev/test'] } })
    await putOme(engine, auth)
    await eventually(async () => expect((await route('llama-router')).metadata).toHaveProperty('deletionTimestamp'))
    await controller.untilIdle()
    await putAim(aimSpec('/meanwhile'), 'meanwhile')
    await eventually(() => conditionOf(api, aimService, 'meanwhile', 'HTTPRouteReady'))
    expect(targets(await read(api, securityPolicy, 'llama'))).toEqual(all)
    await api.patch(path, { metadata: { finalizers: null } })
    await eventually(async () => expect(targets(await read(api, securityPolicy, 'llama'))).toEqual(['llama']))
    // A way that can't be guarded is closed.
    await putOme(engine, { ...auth, 'ome.io/deployment-mode': 'Serverless' })
    await isGone(httpRoute, 'llama')
    await isGone(securityPolicy, 'llama')
    await eventually(async () =>
      expect(await conditionOf(api, inferenceService, 'llama', 'IngressReady')).toMatchObject({
        reason: 'AuthUnsupported',
      }),
    )
    expect((await listGenerated(api)).filter(({ metadata }) => metadata.name.startsWith('llama'))).toEqual([])
  })

  test('status of an InferenceService: only what is ours changes, conditions of others keep their order', async () => {
    await put(api, configMap, omeConfig({}))
    await putOme(engine)
    const theirs = [
      {
        type: 'Ready',
        status: 'False',
        reason: 'Theirs',
        severity: 'Info',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
      { type: 'EngineReady', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' },
      { type: 'IngressReady', status: 'Unknown', lastTransitionTime: '2026-01-01T00:00:00Z' },
      { type: 'PathTemplateApplied', status: 'False', reason: 'Old', lastTransitionTime: '2026-01-01T00:00:00Z' },
    ]
    const path = objectPath(inferenceService, namespace, 'llama', 'status')
    const components = { engine: { url: 'http://engine.example.com' } }
    await api.patch(path, {
      status: {
        conditions: theirs,
        components,
        observedGeneration: 1,
        address: { url: 'http://old', audience: 'theirs' },
      },
    })
    await start()
    await eventually(async () => {
      const { status } = await read(api, inferenceService, 'llama')
      expect(status).toEqual({
        url: 'http://llama.default.example.com',
        address: { url: 'http://llama-engine.default.svc.cluster.local:8080', audience: 'theirs' },
        components,
        observedGeneration: 1,
        conditions: [
          theirs[0],
          theirs[1],
          { type: 'IngressReady', status: 'True', lastTransitionTime: expect.stringMatching(/^2026-(?!01-01)/) },
        ],
      })
    })
    // Not ready: what stands stays, and no address is promised.
    await api.patch(path, { status: { conditions: [{ type: 'EngineReady', status: 'False' }] } })
    await eventually(async () => {
      const { status } = await read(api, inferenceService, 'llama')
      expect(status).toMatchObject({
        address: { audience: 'theirs' },
        conditions: [
          { type: 'EngineReady', status: 'False' },
          { type: 'IngressReady', status: 'False', reason: 'ComponentNotReady' },
        ],
      })
      expect(status).not.toHaveProperty('url')
      expect(status!.address).not.toHaveProperty('url')
    })
    await read(api, ingress, 'llama')
  })

  test('what OME itself has made for a service is not taken away', async () => {
    await put(api, configMap, omeConfig({}))
    const { metadata } = (await putOme(engine)) as Stored
    const owner = {
      apiVersion: 'ome.io/v1beta1',
      kind: 'InferenceService',
      name: 'llama',
      uid: metadata.uid,
      controller: true,
    }
    const spec = { selector: { app: 'llama' }, ports: [{ port: 8082 }] }
    const ofOme = { ownerReferences: [owner] }
    await put(api, service, { metadata: { name: 'llama-engine', ...ofOme }, spec } as never)
    await put(api, service, { metadata: { name: 'llama', ...ofOme }, spec } as never)
    const controller = await start()
    await eventually(() => read(api, ingress, 'llama'))
    await eventually(() => conditionOf(api, inferenceService, 'llama', 'IngressReady'))
    await controller.untilIdle()
    await read(api, service, 'llama')
    expect(specOf(await read(api, ingress, 'llama')).rules[0].http.paths[0].backend.service).toEqual({
      name: 'llama-engine',
      port: { number: 8082 },
    })
  })

  test('what the API server refuses is told, and done as soon as it can be', async () => {
    const controller = await start()
    // No Ingress has such a label.
    await put(api, configMap, omeConfig({}))
    await put(api, inferenceService, {
      metadata: { name: 'llama', annotations: raw },
      spec: engine,
    } as never)
    await eventually(() => read(api, ingress, 'llama'))
    await putAim(aimSpec('/qwen', { gatewayRef: { ...gatewayRef, sectionName: 'a'.repeat(253) } }))
    await eventually(() => route())
    await putAim(aimSpec('/qwen', { annotations: { 'not a key': 'x' } }))
    await eventually(async () =>
      expect(await conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady')).toMatchObject({
        status: 'False',
        reason: 'ApplyFailed',
        message: expect.stringContaining('not a key'),
      }),
    )
    expect(await controller.writes(httpRoute, 'failed')).toBeGreaterThan(0)
    expect(specOf(await route()).parentRefs[0].sectionName).toHaveLength(253)
    await putAim(aimSpec('/qwen', { annotations: { 'a-key': 'x' } }))
    await eventually(async () => expect((await route()).metadata).toMatchObject({ annotations: { 'a-key': 'x' } }))
    await eventually(async () =>
      expect(await conditionOf(api, aimService, 'qwen-chat', 'HTTPRouteReady')).toMatchObject({
        reason: 'HTTPRoutePending',
      }),
    )
    const events = (await api.get('/api/v1/namespaces/default/events')) as { items: Record<string, unknown>[] }
    expect(events.items.filter(({ message }) => String(message).includes('not a key'))).toMatchObject([
      { type: 'Warning', involvedObject: { kind: 'AIMService', name: 'qwen-chat' } },
    ])
  })

  test('one name at one gateway leads to the oldest service of either kind', async () => {
    await start()
    await put(api, configMap, omeConfig({ enableGatewayAPI: true, omeIngressGateway: 'gateways/inference-gateway' }))
    const byModel = { 'signalbox.dev/model-routing': 'true', 'signalbox.dev/model-name': 'qwen' }
    await putOme(engine, { ...raw, ...byModel })
    await eventually(() => read(api, httpRoute, 'llama-model'))
    const { metadata } = await read(api, inferenceService, 'llama')
    await eventually(() => expect(Date.now()).toBeGreaterThan(Date.parse(metadata.creationTimestamp) + 1000))
    await putAim(aimSpec('/qwen'), 'qwen-chat', { annotations: byModel })
    await eventually(async () =>
      expect(await conditionOf(api, aimService, 'qwen-chat', 'ModelRouteReady')).toMatchObject({
        status: 'False',
        reason: 'ModelNameInUse',
        message: expect.stringContaining('default/llama'),
      }),
    )
    await expect(route(`${aimRoute}-model`)).rejects.toThrow('404')
    await remove(api, inferenceService, 'llama')
    await eventually(() => route(`${aimRoute}-model`))
    await eventually(async () =>
      expect(await conditionOf(api, aimService, 'qwen-chat', 'ModelRouteReady')).toMatchObject({ status: 'True' }),
    )
    // Asked for no longer.
    await putAim(aimSpec('/qwen'), 'qwen-chat', { annotations: {} })
    await isGone(httpRoute, `${aimRoute}-model`)
    await route()
  })
})

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { objectPath, type ResourceKind } from '../../src/kubernetes/object.ts'
import type { KubeApi } from '../real/kube-api.ts'
import { crdNames, isSkipped, put, remove, startCluster } from './cluster.ts'
import {
  type ControllerProcess,
  eventually,
  grant,
  leastRights,
  poolStatusRights,
  read,
  startController,
} from './controller.ts'

const { poolV1, poolV1alpha2, httpRoute, gateway, gatewayClass, service } = kinds
const ours = 'signalbox.dev/controller'
const envoyGateway = 'gateway.envoyproxy.io/gatewayclass-controller'
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)

const condition = (type: string, status: string, reason: string, message: string) => ({
  type,
  status,
  reason,
  message,
  observedGeneration: 1,
  lastTransitionTime: time,
})
const accepted = (route: string) => condition('Accepted', 'True', 'Accepted', `a backend of HTTPRoute ${route}`)
const resolved = condition(
  'ResolvedRefs',
  'True',
  'ResolvedRefs',
  'endpoints are picked by Service default/signalbox, port 9002',
)
const mark = {
  ...{ type: 'signalbox.dev/Controller', status: 'True', reason: 'Written', message: ours },
  lastTransitionTime: time,
}
const gatewayRef = (name: string) => ({
  group: 'gateway.networking.k8s.io',
  kind: 'Gateway',
  name,
  namespace: 'default',
})
const entryV1 = (name: string, ...conditions: object[]) => ({
  parentRef: gatewayRef(name),
  controllerName: ours,
  conditions: [...conditions, mark],
})
const placeholder = {
  parentRef: { group: 'gateway.networking.k8s.io', kind: 'Status', name: 'default' },
  conditions: [
    {
      ...{ type: 'Accepted', status: 'Unknown', reason: 'Pending', message: 'Waiting for controller' },
      lastTransitionTime: '1970-01-01T00:00:00Z',
    },
  ],
}

describe.skipIf(isSkipped)('the status of InferencePools, with --pool-status', () => {
  let api: KubeApi
  let controller: ControllerProcess
  const made: { kind: ResourceKind; name: string }[] = []
  beforeAll(async () => {
    const gatewayKinds = ['gateways', 'gatewayclasses'].map((plural) => `${plural}.gateway.networking.k8s.io`)
    api = await startCluster([...Object.values(crdNames), ...gatewayKinds])
    await grant(api, [...leastRights, ...poolStatusRights])
    for (const [name, controllerName] of [
      ['eg', envoyGateway],
      ['other', 'example.com/gateway-controller'],
    ]) {
      const { apiVersion, kind } = gatewayClass
      const path = `/apis/${apiVersion}/gatewayclasses/${name}`
      await api.apply(path, { apiVersion, kind, metadata: { name }, spec: { controllerName } })
    }
  })
  afterAll(() => api?.stop())
  beforeEach(async () => {
    await make(service, 'signalbox', { ports: [{ port: 9002 }] })
    await makeGateway('inference', 'eg')
    controller = await startController(api.kubeconfigOf('controller'), ['--pool-status'])
  })
  afterEach(async () => {
    await controller.stop()
    for (const { kind, name } of made.splice(0)) await remove(api, kind, name).catch(() => {})
  })

  async function make(kind: ResourceKind, name: string, spec: object): Promise<void> {
    if (!made.some((each) => each.kind === kind && each.name === name)) made.push({ kind, name })
    await put(api, kind, { metadata: { name }, spec })
  }

  const makeGateway = (name: string, gatewayClassName: string) =>
    make(gateway, name, { gatewayClassName, listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] })

  const makePool = (name = 'qwen') =>
    make(poolV1, name, {
      selector: { matchLabels: { app: name } },
      targetPorts: [{ number: 8000 }],
      endpointPickerRef: { name: 'signalbox', port: { number: 9002 } },
    })

  const makeOldPool = (name: string) =>
    make(poolV1alpha2, name, { selector: { app: name }, targetPortNumber: 8000, extensionRef: { name: 'signalbox' } })

  type Said = { type: string; status: string; reason: string; message?: string }

  /** A route to pools, and what the Gateway's controller says of it. */
  async function makeRoute(
    name: string,
    {
      gateways,
      pools,
      says = [{ type: 'Accepted', status: 'True', reason: 'Accepted' }],
    }: {
      gateways: readonly string[]
      pools: readonly { readonly kind: ResourceKind; readonly name: string }[]
      says?: readonly Said[]
    },
  ): Promise<void> {
    const parentRefs = gateways.map((gateway) => ({ name: gateway }))
    const backendRefs = pools.map(({ kind, name }) => ({ group: kind.apiVersion.split('/')[0], kind: kind.kind, name }))
    await make(httpRoute, name, { parentRefs, rules: [{ backendRefs }] })
    const conditions = says.map((each) => ({ message: '', lastTransitionTime: '2026-01-01T00:00:00Z', ...each }))
    const parents = (says.length === 0 ? [] : parentRefs).map((parentRef) => ({
      parentRef,
      controllerName: envoyGateway,
      conditions,
    }))
    await api.patch(objectPath(httpRoute, 'default', name, 'status'), { status: { parents } })
  }

  const expectParents = (name: string, parents: unknown) =>
    eventually(async () => expect((await read(api, poolV1, name)).status?.parents).toEqual(parents))
  const expectParent = (name: string, parent: unknown) =>
    eventually(async () => expect((await read(api, poolV1alpha2, name)).status?.parent).toEqual(parent))
  const patchStatus = (kind: ResourceKind, name: string, status: object) =>
    api.patch(objectPath(kind, 'default', name, 'status'), { status })

  test('an entry comes with the first route from a Gateway, and goes with the last', async () => {
    await makePool()
    await makeGateway('second', 'eg')
    const pools = [{ kind: poolV1, name: 'qwen' }]
    await makeRoute('a', { gateways: ['inference'], pools })
    await expectParents('qwen', [entryV1('inference', accepted('default/a'), resolved)])
    await makeRoute('b', { gateways: ['inference', 'second'], pools })
    await expectParents('qwen', [
      entryV1('inference', accepted('default/a'), resolved),
      entryV1('second', accepted('default/b'), resolved),
    ])
    await remove(api, httpRoute, 'a')
    await expectParents('qwen', [
      entryV1('inference', accepted('default/b'), resolved),
      entryV1('second', accepted('default/b'), resolved),
    ])
    await remove(api, gateway, 'second')
    await expectParents('qwen', [entryV1('inference', accepted('default/b'), resolved)])
    await remove(api, httpRoute, 'b')
    await expectParents('qwen', [])
  })

  test('what changes nothing for a pool writes nothing to it', async () => {
    await makePool()
    const pools = [{ kind: poolV1, name: 'qwen' }]
    await makeRoute('a', { gateways: ['inference'], pools })
    await expectParents('qwen', [entryV1('inference', accepted('default/a'), resolved)])
    const { resourceVersion } = (await read(api, poolV1, 'qwen')).metadata
    await makeRoute('b', { gateways: ['inference'], pools })
    await make(service, 'signalbox', {
      ports: [
        { name: 'one', port: 9002 },
        { name: 'two', port: 9003 },
      ],
    })
    // What it writes here comes after it has seen all that.
    await makePool('other')
    await makeRoute('c', { gateways: ['inference'], pools: [{ kind: poolV1, name: 'other' }] })
    await expectParents('other', [entryV1('inference', accepted('default/c'), resolved)])
    await controller.untilIdle()
    expect((await read(api, poolV1, 'qwen')).metadata.resourceVersion).toBe(resourceVersion)
    for (const result of ['unchanged', 'failed']) expect(await controller.writes(poolV1, result)).toBe(0)
  })

  test('v1alpha2: the entry takes the place of the default one, and gives it back', async () => {
    await makeOldPool('old')
    await makeRoute('a', { gateways: ['inference'], pools: [{ kind: poolV1alpha2, name: 'old' }] })
    await expectParent('old', [
      { parentRef: gatewayRef('inference'), conditions: [accepted('default/a'), resolved, mark] },
    ])
    await remove(api, httpRoute, 'a')
    await expectParent('old', [placeholder])
  })

  test('a route to a pool of one API group says nothing of the pool of that name in the other', async () => {
    await makePool('twin')
    await makeOldPool('twin')
    await makeRoute('a', { gateways: ['inference'], pools: [{ kind: poolV1, name: 'twin' }] })
    await expectParents('twin', [entryV1('inference', accepted('default/a'), resolved)])
    await controller.untilIdle()
    expect(await controller.writes(poolV1alpha2)).toBe(0)
  })

  test('entries of others stay as they are, whatever becomes of ours', async () => {
    await makePool()
    await makeOldPool('old')
    const theirs = {
      parentRef: { ...gatewayRef('theirs'), namespace: 'elsewhere' },
      conditions: [
        { ...condition('Accepted', 'True', 'Accepted', 'theirs'), lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
    }
    const theirsV1 = { ...theirs, controllerName: 'example.com/gateway-controller' }
    await patchStatus(poolV1, 'qwen', { parents: [theirsV1] })
    await patchStatus(poolV1alpha2, 'old', { parent: [theirs] })
    const pools = [
      { kind: poolV1, name: 'qwen' },
      { kind: poolV1alpha2, name: 'old' },
    ]
    await makeRoute('a', { gateways: ['inference'], pools })
    await expectParents('qwen', [theirsV1, entryV1('inference', accepted('default/a'), resolved)])
    await expectParent('old', [
      theirs,
      { parentRef: gatewayRef('inference'), conditions: [accepted('default/a'), resolved, mark] },
    ])
    await remove(api, httpRoute, 'a')
    await expectParents('qwen', [theirsV1])
    await expectParent('old', [theirs])
  })

  test('a Gateway whose controller writes for itself gets no entry', async () => {
    await makePool()
    await makeGateway('theirs', 'other')
    await makeRoute('a', { gateways: ['theirs', 'inference'], pools: [{ kind: poolV1, name: 'qwen' }] })
    await expectParents('qwen', [entryV1('inference', accepted('default/a'), resolved)])
  })

  test('an endpoint picker that is not there is an invalid reference until it comes', async () => {
    await makePool()
    await remove(api, service, 'signalbox')
    await makeRoute('a', { gateways: ['inference'], pools: [{ kind: poolV1, name: 'qwen' }] })
    const allTheSame = '; where Signalbox serves the pool it picks all the same'
    const invalid = (message: string) =>
      condition('ResolvedRefs', 'False', 'InvalidExtensionRef', `${message}${allTheSame}`)
    const missing = invalid('there is no Service default/signalbox')
    await expectParents('qwen', [entryV1('inference', accepted('default/a'), missing)])
    await make(service, 'signalbox', { ports: [{ port: 9003 }] })
    const noPort = invalid('Service default/signalbox has no port 9002')
    await expectParents('qwen', [entryV1('inference', accepted('default/a'), noPort)])
    await make(service, 'signalbox', { ports: [{ port: 9002 }] })
    await expectParents('qwen', [entryV1('inference', accepted('default/a'), resolved)])
  })

  test("what the Gateway's controller says of the route decides whether the pool is accepted", async () => {
    await makePool()
    const pools = [{ kind: poolV1, name: 'qwen' }]
    const route = (says: readonly Said[]) => makeRoute('a', { gateways: ['inference'], pools, says })
    const expectAccepted = (...[status, reason, message]: [string, string, string]) =>
      expectParents('qwen', [entryV1('inference', condition('Accepted', status, reason, message), resolved)])
    await route([])
    await expectAccepted(
      'Unknown',
      'Pending',
      "the Gateway's controller has not yet said whether it accepts HTTPRoute default/a",
    )
    await route([{ type: 'Accepted', status: 'False', reason: 'NoMatchingParent', message: 'no such listener' }])
    await expectAccepted('False', 'HTTPRouteNotAccepted', 'HTTPRoute default/a is not accepted: no such listener')
    await route([
      { type: 'Accepted', status: 'True', reason: 'Accepted' },
      { type: 'ResolvedRefs', status: 'False', reason: 'InvalidKind', message: 'InferencePool is not supported' },
    ])
    await expectAccepted('False', 'NotSupportedByParent', 'HTTPRoute default/a: InferencePool is not supported')
    await route([{ type: 'Accepted', status: 'True', reason: 'Accepted' }])
    await expectAccepted('True', 'Accepted', 'a backend of HTTPRoute default/a')
  })

  test('a pool without a spec, which v1alpha2 lets pass, holds up no other', async () => {
    made.push({ kind: poolV1alpha2, name: 'empty' })
    await put(api, poolV1alpha2, { metadata: { name: 'empty' } })
    await makePool()
    const pools = [
      { kind: poolV1alpha2, name: 'empty' },
      { kind: poolV1, name: 'qwen' },
    ]
    await makeRoute('a', { gateways: ['inference'], pools })
    await expectParents('qwen', [entryV1('inference', accepted('default/a'), resolved)])
    const parentRef = expect.objectContaining({ kind: 'Gateway', name: 'inference' })
    await expectParent('empty', [expect.objectContaining({ parentRef })])
  })

  test('without --pool-status what was written stays; for a controller that no GatewayClass has it is taken back', async () => {
    await makePool()
    await makeRoute('a', { gateways: ['inference'], pools: [{ kind: poolV1, name: 'qwen' }] })
    const entries = [entryV1('inference', accepted('default/a'), resolved)]
    await expectParents('qwen', entries)
    const restart = async (flags: readonly string[]) => {
      await controller.stop()
      controller = await startController(api.kubeconfigOf('controller'), flags)
      await controller.untilIdle()
    }
    await restart([])
    await expectParents('qwen', entries)
    await restart(['--pool-status', 'none'])
    await expectParents('qwen', [])
  })

  test('two write at the same time: both entries are there in the end', async () => {
    await makePool()
    const rounds = 20
    const theirs = (index: number) => ({
      parentRef: { ...gatewayRef(`theirs-${index}`), namespace: 'elsewhere' },
      controllerName: 'example.com/gateway-controller',
      conditions: [],
    })
    for (let index = 0; index < rounds; index += 1) {
      await Promise.all([
        patchOwn(index),
        makeRoute('a', {
          gateways: ['inference'],
          pools: [{ kind: poolV1, name: 'qwen' }],
          says: index % 2 === 0 ? [] : [{ type: 'Accepted', status: 'True', reason: 'Accepted' }],
        }),
      ])
    }
    await expectParents('qwen', [theirs(rounds - 1), entryV1('inference', accepted('default/a'), resolved)])

    /** As another controller does it: reads, and replaces its own entry, again when somebody was faster. */
    async function patchOwn(index: number): Promise<void> {
      await eventually(async () => {
        const { metadata, status } = await read(api, poolV1, 'qwen')
        const others = ((status?.parents ?? []) as { controllerName?: string }[]).filter(
          ({ controllerName }) => controllerName === ours,
        )
        const { resourceVersion } = metadata
        await api.patch(objectPath(poolV1, 'default', 'qwen', 'status'), {
          metadata: { resourceVersion },
          status: { parents: [theirs(index), ...others] },
        })
      })
    }
  })
})

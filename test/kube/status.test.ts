import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { collectionPath, objectPath, type ResourceKind } from '../../src/kubernetes/object.ts'
import type { KubeApi, KubeObject } from '../real/kube-api.ts'
import { crdNames, installCrds, isSkipped, put, remove, startCluster } from './cluster.ts'
import {
  type ControllerProcess,
  conditionOf,
  eventually,
  grant,
  leastRights,
  read,
  startController,
} from './controller.ts'
import { checkHealth } from './health.ts'

const { poolV1, poolV1alpha2, model, objective, objectiveLlmd, rewrite, rewriteLlmd } = kinds

const poolSpec = (app: string) => ({
  selector: { matchLabels: { app } },
  targetPorts: [{ number: 8000 }],
  endpointPickerRef: { name: 'signalbox', port: { number: 9002 } },
})
const poolRef = { name: 'qwen' }
const modelSpec = (modelName: string, pool = 'qwen') => ({ modelName, poolRef: { name: pool } })
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)

const served: readonly ResourceKind[] = [poolV1, poolV1alpha2, model, objective, objectiveLlmd, rewrite, rewriteLlmd]

describe.skipIf(isSkipped)('status on a real API server', () => {
  let api: KubeApi
  const running: ControllerProcess[] = []
  beforeAll(async () => {
    api = await startCluster()
    await grant(api, leastRights)
  })
  afterAll(() => api?.stop())
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop()))
    for (const kind of served) await removeAll(kind)
  })

  async function start(
    flags: readonly string[] = [],
    kubeconfig = api.kubeconfigOf('controller'),
  ): Promise<ControllerProcess> {
    const controller = await startController(kubeconfig, flags)
    running.push(controller)
    return controller
  }

  async function removeAll(kind: ResourceKind): Promise<void> {
    const list = (await api.get(collectionPath(kind)).catch(() => ({ items: [] }))) as { items: KubeObject[] }
    for (const { metadata } of list.items) await remove(api, kind, metadata.name, metadata.namespace!)
  }

  const putPool = (name = 'qwen') => put(api, poolV1, { metadata: { name }, spec: poolSpec(name) })

  /** Creates it, a second after all before: ages are told apart by creation times, which are in seconds. */
  async function putYounger(...args: [kind: ResourceKind, object: { metadata: { name: string }; spec: object }]) {
    const [kind, object] = args
    const list = (await api.get(collectionPath(kind))) as { items: { metadata: { creationTimestamp: string } }[] }
    const newest = Math.max(0, ...list.items.map(({ metadata }) => Date.parse(metadata.creationTimestamp)))
    await eventually(() => expect(Date.now()).toBeGreaterThanOrEqual(newest + 1000))
    return put(api, kind, object)
  }

  test('each kind gets Accepted, with the generation that was judged, and keeps it through changes', async () => {
    await putPool()
    const controller = await start()
    const acceptedKinds = [model, objective, objectiveLlmd, rewrite, rewriteLlmd]
    const specs: Record<string, (variant: number) => object> = {
      InferenceModel: (variant) => ({ ...modelSpec('llama'), criticality: variant === 1 ? 'Standard' : 'Critical' }),
      InferenceObjective: (priority) => ({ poolRef, priority }),
      InferenceModelRewrite: (variant) => ({
        poolRef,
        rules: [{ matches: [{ model: { value: 'chat' } }], targets: [{ modelRewrite: `chat-${variant}` }] }],
      }),
    }
    for (const kind of acceptedKinds) {
      const name = `each-${kind.apiVersion.split('/')[0]}`
      const accepted = {
        type: 'Accepted',
        status: 'True',
        reason: 'Accepted',
        message: 'in use in InferencePool default/qwen',
      }
      await put(api, kind, { metadata: { name }, spec: specs[kind.kind](1) })
      const first = await eventually(async () => {
        const { status } = await read(api, kind, name)
        expect(status).toEqual({ conditions: [{ ...accepted, observedGeneration: 1, lastTransitionTime: time }] })
        return status!.conditions![0].lastTransitionTime
      })
      await put(api, kind, { metadata: { name }, spec: specs[kind.kind](2) })
      await eventually(async () => {
        const { status } = await read(api, kind, name)
        expect(status).toEqual({ conditions: [{ ...accepted, observedGeneration: 2, lastTransitionTime: first }] })
      })
      await remove(api, kind, name)
    }
    await controller.untilIdle()
    for (const kind of acceptedKinds) expect(await controller.writes(kind), kind.kind).toBe(2)
    expect(await controller.writes(model, 'failed')).toBe(0)
  })

  test('the older of two InferenceModels has the name; when it goes the younger gets it', async () => {
    await putPool()
    await start()
    await put(api, model, { metadata: { name: 'first' }, spec: modelSpec('llama') })
    await putYounger(model, { metadata: { name: 'a-second' }, spec: modelSpec('llama') })
    await eventually(async () => {
      expect(await conditionOf(api, model, 'first')).toMatchObject({ status: 'True', reason: 'Accepted' })
      expect(await conditionOf(api, model, 'a-second')).toEqual({
        type: 'Accepted',
        status: 'False',
        reason: 'ModelNameInUse',
        message: 'InferenceModel default/first has the model name "llama" in InferencePool default/qwen and is older',
        observedGeneration: 1,
      })
    })
    const events = await eventually(async () => {
      const { items } = (await api.get('/api/v1/namespaces/default/events')) as { items: Record<string, unknown>[] }
      const found = items.filter(({ reason }) => reason === 'ModelNameInUse')
      expect(found).toHaveLength(1)
      return found
    })
    expect(events[0]).toMatchObject({
      type: 'Warning',
      involvedObject: { kind: 'InferenceModel', namespace: 'default', name: 'a-second' },
      message: expect.stringContaining('default/first has the model name'),
      reportingComponent: 'signalbox-controller',
    })

    await remove(api, model, 'first')
    await eventually(async () => {
      expect(await conditionOf(api, model, 'a-second')).toMatchObject({ status: 'True', reason: 'Accepted' })
    })
  })

  test('what has no pool says so until it has one', async () => {
    await start()
    await put(api, model, { metadata: { name: 'early' }, spec: modelSpec('llama') })
    await put(api, objective, { metadata: { name: 'early' }, spec: { poolRef, priority: 1 } })
    const rules = [{ targets: [{ modelRewrite: 'llama' }] }]
    await put(api, rewriteLlmd, { metadata: { name: 'early' }, spec: { poolRef, rules } })
    const all = [model, objective, rewriteLlmd]
    await eventually(async () => {
      for (const kind of all) {
        expect(await conditionOf(api, kind, 'early')).toEqual({
          type: 'Accepted',
          status: 'False',
          reason: 'TargetNotFound',
          message: 'there is no valid InferencePool default/qwen',
          observedGeneration: 1,
        })
      }
    })
    await putPool()
    await eventually(async () => {
      for (const kind of all) expect(await conditionOf(api, kind, 'early')).toMatchObject({ status: 'True' })
    })
  })

  test('a spec that the API lets pass but that cannot be used is invalid, with the field', async () => {
    await putPool()
    await start()
    const rules = [
      { matches: [{ model: { value: 'chat' } }], targets: [{ modelRewrite: 'a', weight: 1 }, { modelRewrite: 'b' }] },
    ]
    await put(api, rewrite, { metadata: { name: 'odd' }, spec: { poolRef, rules } })
    await put(api, objective, { metadata: { name: 'odd' }, spec: { poolRef: { ...poolRef, kind: 'Service' } } })
    await eventually(async () => {
      expect(await conditionOf(api, rewrite, 'odd')).toMatchObject({
        status: 'False',
        reason: 'Invalid',
        message: 'spec.rules[0].targets[1].weight: missing, allowed: weights for all target models or for none',
      })
      expect(await conditionOf(api, objective, 'odd')).toMatchObject({
        reason: 'Invalid',
        message: expect.stringContaining('spec.poolRef.kind: found "Service"'),
      })
    })
  })

  test('a rewrite names its rules that never apply; when none does it is not accepted', async () => {
    await putPool()
    await start()
    const rule = (value: string) => ({ matches: [{ model: { value } }], targets: [{ modelRewrite: 'llama' }] })
    const putRewrite = (name: string, ...models: string[]) =>
      putYounger(rewrite, { metadata: { name }, spec: { poolRef, rules: models.map(rule) } })
    await putRewrite('first', 'chat')
    await putRewrite('partly', 'code', 'chat')
    await putRewrite('not', 'chat')
    const reason = 'because of InferenceModelRewrite default/first, which is older'
    await eventually(async () => {
      expect(await conditionOf(api, rewrite, 'first')).toMatchObject({ status: 'True' })
      expect(await conditionOf(api, rewrite, 'partly')).toMatchObject({
        status: 'True',
        reason: 'Accepted',
        message: `in use in InferencePool default/qwen; spec.rules[1] never applies to "chat", ${reason}`,
      })
      expect(await conditionOf(api, rewrite, 'not')).toMatchObject({
        status: 'False',
        reason: 'Conflicted',
        message: `spec.rules[0] never applies to "chat", ${reason}`,
      })
    })
  })

  test('of an InferenceObjective in both API groups the one that serving leaves out says so', async () => {
    await putPool()
    await start()
    await put(api, objective, { metadata: { name: 'both' }, spec: { poolRef, priority: 1 } })
    await put(api, objectiveLlmd, { metadata: { name: 'both' }, spec: { poolRef, priority: 2 } })
    await eventually(async () => {
      expect(await conditionOf(api, objectiveLlmd, 'both')).toMatchObject({ status: 'True' })
      expect(await conditionOf(api, objective, 'both')).toMatchObject({
        status: 'False',
        reason: 'Conflicted',
        message: 'the InferenceObjective default/both of llm-d.ai/v1alpha2 is used instead',
      })
    })
  })

  test('conditions of others stay; one that another has set is taken over, and that is counted', async () => {
    await putPool()
    const metadata = { name: 'shared', namespace: 'default' }
    await put(api, model, { metadata, spec: modelSpec('llama') })
    const { apiVersion, kind } = model
    const foreign = (type: string) => ({
      ...{ type, status: 'False', reason: 'Theirs', message: 'theirs' },
      lastTransitionTime: '2026-01-01T00:00:00Z',
    })
    const status = { conditions: [foreign('Ready'), foreign('Accepted')] }
    await api.apply(objectPath(model, 'default', 'shared', 'status'), { apiVersion, kind, metadata, status }, 'other')
    const controller = await start()
    await eventually(async () => {
      const { conditions } = (await read(api, model, 'shared')).status!
      expect(conditions).toHaveLength(2)
      expect(conditions).toContainEqual(foreign('Ready'))
      expect(conditions).toContainEqual(expect.objectContaining({ type: 'Accepted', status: 'True' }))
    })
    expect(await controller.writes(model, 'conflict')).toBe(1)
    expect(await controller.writes(model)).toBe(1)
    const { managedFields } = (await read(api, model, 'shared')).metadata as {
      managedFields?: { manager: string; subresource?: string }[]
    }
    expect(managedFields).toContainEqual(
      expect.objectContaining({ manager: 'signalbox', operation: 'Apply', subresource: 'status' }),
    )
  })

  test('1,000 InferenceModels: one write each, one change makes one more, a restart none', async () => {
    await putPool()
    const names = Array.from({ length: 1000 }, (_, index) => `model-${index}`)
    for (let from = 0; from < names.length; from += 20) {
      await Promise.all(
        names.slice(from, from + 20).map((name) => put(api, model, { metadata: { name }, spec: modelSpec(name) })),
      )
    }
    const controller = await start()
    await eventually(async () => expect(await controller.writes(model)).toBe(1000), 60_000)
    await controller.untilIdle()

    await put(api, model, { metadata: { name: 'model-7' }, spec: { ...modelSpec('model-7'), criticality: 'Critical' } })
    await eventually(async () => {
      expect(await conditionOf(api, model, 'model-7')).toMatchObject({ status: 'True', observedGeneration: 2 })
    })
    await controller.untilIdle()
    expect(await controller.writes(model)).toBe(1001)
    const versions = async () => {
      const { items } = (await api.get(collectionPath(model))) as { items: KubeObject[] }
      return items.map(({ metadata }) => [metadata.name, (metadata as { resourceVersion?: string }).resourceVersion])
    }
    const before = await versions()
    await controller.stop()

    const next = await start()
    await next.untilIdle()
    // A write that it knows to be needed comes after all that it has found by then.
    await put(api, model, { metadata: { name: 'last' }, spec: modelSpec('last') })
    await eventually(async () => expect(await conditionOf(api, model, 'last')).toMatchObject({ status: 'True' }))
    await next.untilIdle()
    expect(await next.writes(model)).toBe(1)
    expect((await versions()).filter(([name]) => name !== 'last')).toEqual(before)
    for (const result of ['unchanged', 'conflict', 'failed']) expect(await next.writes(model, result)).toBe(0)
  })

  test('the API server is killed for a while: the controller lives, writes nothing twice, and goes on', async () => {
    await putPool()
    await put(api, model, { metadata: { name: 'before' }, spec: modelSpec('before') })
    const controller = await start()
    await eventually(async () => expect(await conditionOf(api, model, 'before')).toMatchObject({ status: 'True' }))
    await controller.untilIdle()
    const { resourceVersion } = (await read(api, model, 'before')).metadata
    await api.interrupt()
    await eventually(async () => {
      expect(await controller.isLeader()).toBe(false)
      expect(await controller.watchState(model, 'failing')).toBe(1)
    })
    await api.resume()
    await put(api, model, { metadata: { name: 'after' }, spec: modelSpec('after') })
    await eventually(async () => expect(await conditionOf(api, model, 'after')).toMatchObject({ status: 'True' }))
    await controller.untilIdle()
    expect((await read(api, model, 'before')).metadata.resourceVersion).toBe(resourceVersion)
    expect(await controller.writes(model)).toBe(2)
    expect(controller.program.running).toBe(true)
  })

  test('two replicas: one writes; when it is killed the other does within 15 s', async () => {
    await putPool()
    const [one, other] = [await start(), await start()]
    for (const each of [one, other])
      await eventually(async () => expect(await each.watchState(model, 'synced')).toBe(1))
    await put(api, model, { metadata: { name: 'a' }, spec: modelSpec('a') })
    await eventually(async () => expect(await conditionOf(api, model, 'a')).toMatchObject({ status: 'True' }))
    const [holder, standby] = (await one.isLeader()) ? [one, other] : [other, one]
    expect(await standby.isLeader()).toBe(false)
    expect(await standby.writes(model)).toBe(0)

    await holder.kill()
    await put(api, model, { metadata: { name: 'b' }, spec: modelSpec('b') })
    await eventually(async () => expect(await conditionOf(api, model, 'b')).toMatchObject({ status: 'True' }), 15_000)
    expect(await standby.writes(model)).toBe(1)
  })

  test('a replica that ends gives the lease back: the next one writes without waiting for it to run out', async () => {
    await putPool()
    const first = await start()
    await first.untilIdle()
    await first.stop()
    expect(await first.program.ended).toBe('exit code 0')
    const lease = (await api.get('/apis/coordination.k8s.io/v1/namespaces/default/leases/signalbox-controller')) as {
      spec: object
    }
    expect(lease.spec).toMatchObject({ holderIdentity: '' })
  })
})

describe.skipIf(isSkipped)('health of the controller', () => {
  test('it is live at once, and ready when all is read, whether it leads or not', async () => {
    const api = await startCluster([crdNames.poolV1])
    const running: ControllerProcess[] = []
    const healthOf = ({ healthPort }: ControllerProcess, service: string) =>
      checkHealth(`127.0.0.1:${healthPort}`, service)
    try {
      await api.interrupt()
      for (let i = 0; i < 2; i += 1) running.push(await startController(api.kubeconfig))
      for (const each of running) {
        await eventually(async () => expect(await healthOf(each, 'liveness')).toBe('SERVING'))
        expect(await healthOf(each, 'readiness')).toBe('NOT_SERVING')
      }
      await api.resume()
      for (const each of running) {
        await eventually(async () => expect(await healthOf(each, 'readiness')).toBe('SERVING'))
      }
      const leaders = await eventually(async () => {
        const leads = await Promise.all(running.map((each) => each.isLeader()))
        expect(leads).toContain(true)
        return leads
      })
      expect(leaders.filter((leads) => leads)).toHaveLength(1)
    } finally {
      await Promise.all(running.map((each) => each.stop()))
      await api.stop()
    }
  })
})

describe.skipIf(isSkipped)('status with less than everything', () => {
  let api: KubeApi
  let controller: ControllerProcess | undefined
  beforeAll(async () => {
    api = await startCluster([crdNames.poolV1, crdNames.objective, crdNames.rewrite])
  })
  afterAll(() => api?.stop())
  afterEach(() => controller?.stop())

  test('a kind that may not be written holds up no other', async () => {
    await grant(api, [
      {
        apiGroups: ['inference.networking.k8s.io', 'inference.networking.x-k8s.io', 'llm-d.ai'],
        resources: ['*'],
        verbs: ['get', 'list', 'watch'],
      },
      { apiGroups: ['inference.networking.x-k8s.io'], resources: ['inferenceobjectives/status'], verbs: ['patch'] },
      { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
    ])
    await put(api, poolV1, { metadata: { name: 'qwen' }, spec: poolSpec('qwen') })
    for (let i = 0; i < 20; i += 1) {
      const rules = [{ matches: [{ model: { value: `m-${i}` } }], targets: [{ modelRewrite: 'llama' }] }]
      await put(api, rewrite, { metadata: { name: `rewrite-${i}` }, spec: { poolRef, rules } })
    }
    await put(api, objective, { metadata: { name: 'batch' }, spec: { poolRef, priority: -1 } })
    controller = await startController(api.kubeconfigOf('controller'))
    const running = controller
    await eventually(async () => {
      expect(await conditionOf(api, objective, 'batch')).toMatchObject({ status: 'True' })
      expect(await running.writes(rewrite, 'failed')).toBeGreaterThanOrEqual(20)
    })
    expect(await running.writes(rewrite)).toBe(0)
    expect(running.program.lastLines()).toContain('cannot patch resource \\"inferencemodelrewrites/status\\"')

    await grant(api, [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }])
    await eventually(async () => expect(await running.writes(rewrite)).toBe(20), 60_000)
  })

  test('a kind that may not be read is left as it is; the others are judged', async () => {
    const readable = ['inferencepools', 'inferenceobjectives', 'inferenceobjectives/status']
    await grant(api, [
      { apiGroups: ['*'], resources: readable, verbs: ['get', 'list', 'watch', 'patch'] },
      { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
    ])
    await put(api, objective, { metadata: { name: 'readable' }, spec: { poolRef, priority: 3 } })
    controller = await startController(api.kubeconfigOf('controller'))
    const running = controller
    await eventually(async () =>
      expect(await conditionOf(api, objective, 'readable')).toMatchObject({ status: 'True' }),
    )
    expect(await running.watchState(rewrite, 'forbidden')).toBe(1)
    expect(running.program.lastLines()).toContain('may not be read')
  })

  test('with --watch-namespace it looks after that one alone, and has its lease there', async () => {
    const metadata = { name: 'team' }
    await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata })
    for (const namespace of ['default', 'team']) {
      await put(api, poolV1, { metadata: { name: 'qwen', namespace }, spec: poolSpec('qwen') })
      await put(api, objective, { metadata: { name: 'scoped', namespace }, spec: { poolRef, priority: 1 } })
    }
    controller = await startController(api.kubeconfig, ['--watch-namespace', 'team'])
    const running = controller
    await eventually(async () => {
      const { status } = await read(api, objective, 'scoped', 'team')
      expect(status?.conditions).toMatchObject([{ status: 'True', message: 'in use in InferencePool team/qwen' }])
    })
    await running.untilIdle()
    expect((await read(api, objective, 'scoped')).status).toBeUndefined()
    expect(await running.writes(objective)).toBe(1)
    const leaseIn = (namespace: string) =>
      api.get(`/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/signalbox-controller`)
    await leaseIn('team')

    await running.stop()
    await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'platform' } })
    const flags = ['--watch-namespace', 'team', '--leader-election-namespace', 'platform']
    controller = await startController(api.kubeconfig, flags)
    await controller.untilIdle()
    await leaseIn('platform')
  })

  test('a CRD that is installed later is picked up', async () => {
    controller = await startController(api.kubeconfig)
    const running = controller
    await eventually(async () => expect(await running.watchState(model, 'missing')).toBe(1))
    await installCrds(api, [crdNames.model])
    await put(api, model, { metadata: { name: 'late' }, spec: modelSpec('late') })
    await eventually(async () => expect(await conditionOf(api, model, 'late')).toMatchObject({ status: 'True' }))
  })
})

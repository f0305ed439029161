import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { KubeClient } from '../../src/kubernetes/client.ts'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { loadKubeconfig } from '../../src/kubernetes/kubeconfig.ts'
import { LivePools } from '../../src/pool/live-pools.ts'
import { KubernetesSource, type KubernetesSourceOptions } from '../../src/sources/kubernetes/kubernetes-source.ts'
import type { ProblemChange, Snapshot } from '../../src/sources/source.ts'
import type { KubeApi } from '../real/kube-api.ts'
import { crdNames, installCrds, isSkipped, put, putPod, remove, setPodStatus, startCluster } from './cluster.ts'

const everything: KubernetesSourceOptions = {
  onlyPool: undefined,
  namespace: undefined,
  poolGroup: undefined,
  standing: [],
  clock: systemClock,
  random: Math.random,
}

/** A source with all that it has told so far. */
async function watching(kubeconfig: string, options: Partial<KubernetesSourceOptions> = {}) {
  const told = {
    all: [] as Snapshot[],
    snapshots: 0,
    problems: [] as ProblemChange['current'],
    missing: [] as readonly string[],
  }
  const pools = new LivePools()
  let snapshot: Snapshot
  const take = (next: Snapshot) => {
    snapshot = next
    pools.update(next.catalog, next.endpoints)
  }
  const source = new KubernetesSource(
    new KubeClient(await loadKubeconfig(kubeconfig)),
    { ...everything, ...options },
    {
      onSnapshot(next) {
        told.snapshots++
        told.all.push(next)
        take(next)
      },
      onProblems: ({ current }) => (told.problems = current),
      onMissing: (missing) => (told.missing = missing),
    },
  )
  take(await source.start())
  return {
    told,
    get catalog() {
      return snapshot.catalog
    },
    addresses: (pool: string) => pools.endpointsOf(`default/${pool}`).map(({ address }) => address),
    problemTexts: () => told.problems.map(({ place, message }) => `${place}: ${message}`),
    close: () => source.close(),
  }
}

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 20 })

const poolSpec = (app: string, ports = [8000]) => ({
  selector: { matchLabels: { app } },
  targetPorts: ports.map((number) => ({ number })),
  endpointPickerRef: { name: 'signalbox', port: { number: 9002 } },
})

describe.skipIf(isSkipped)('a source that reads a real API server', () => {
  let api: KubeApi
  beforeAll(async () => {
    api = await startCluster()
  })
  afterAll(() => api?.stop())

  test('each kind is seen when it is created, changed and deleted', async () => {
    const source = await watching(api.kubeconfig)
    const poolRef = { name: 'qwen' }
    try {
      await put(api, kinds.poolV1, { metadata: { name: 'qwen' }, spec: poolSpec('qwen') })
      await eventually(() => expect(source.catalog.pools.get('default/qwen')?.targetPorts).toEqual([8000]))
      await put(api, kinds.poolV1, { metadata: { name: 'qwen' }, spec: poolSpec('qwen', [8000, 8001]) })
      await eventually(() => expect(source.catalog.pools.get('default/qwen')?.targetPorts).toEqual([8000, 8001]))

      const oldPool = { selector: { app: 'old' }, targetPortNumber: 9000, extensionRef: { name: 'signalbox' } }
      await put(api, kinds.poolV1alpha2, { metadata: { name: 'old' }, spec: oldPool })
      await eventually(() => expect(source.catalog.pools.get('default/old')?.targetPorts).toEqual([9000]))

      const target = (weight: number) => ({
        modelName: 'chat',
        poolRef: { name: 'qwen', group: 'inference.networking.k8s.io' },
        targetModels: [{ name: 'a', weight }],
      })
      await put(api, kinds.model, { metadata: { name: 'chat' }, spec: target(1) })
      await eventually(() => expect(source.catalog.models.get('chat')?.rules[0].targets[0].weight).toBe(1))
      await put(api, kinds.model, { metadata: { name: 'chat' }, spec: target(7) })
      await eventually(() => expect(source.catalog.models.get('chat')?.rules[0].targets[0].weight).toBe(7))

      const canary = {
        modelName: 'canary',
        poolRef: { name: 'qwen', group: 'inference.networking.k8s.io' },
        targetModels: [
          { name: 'a', weight: 1 },
          { name: 'b', weight: 1 },
        ],
      }
      const weights = () => source.catalog.models.get('canary')?.rules[0].targets.map((each) => each.weight)
      const annotations = { 'signalbox.dev/rollout-steps': '1% for 5m, 100%' }
      await put(api, kinds.model, { metadata: { name: 'canary', annotations }, spec: canary })
      await eventually(() => expect(weights()).toEqual([100, 0]))
      for (const weightPercent of [0.5, 25]) {
        const state = JSON.stringify({ target: 'b', weightPercent, phase: 'Progressing', step: 0 })
        await put(api, kinds.configMap, {
          metadata: { name: 'signalbox-rollouts', labels: { 'signalbox.dev/rollouts': 'true' } },
          data: { 'inferencemodel.canary': state },
        })
        await eventually(() => expect(weights()).toEqual([100 - weightPercent, weightPercent]))
      }
      await remove(api, kinds.configMap, 'signalbox-rollouts')
      await eventually(() => expect(weights()).toEqual([100, 0]))
      await remove(api, kinds.model, 'canary')

      for (const kind of [kinds.objective, kinds.objectiveLlmd]) {
        const group = kind.apiVersion.split('/')[0]
        await put(api, kind, { metadata: { name: 'batch' }, spec: { priority: -3, poolRef } })
        await eventually(() => expect(source.catalog.objectives.get('default/batch')?.priority, group).toBe(-3))
        await put(api, kind, { metadata: { name: 'batch' }, spec: { priority: 4, poolRef } })
        await eventually(() => expect(source.catalog.objectives.get('default/batch')?.priority, group).toBe(4))
        await remove(api, kind, 'batch')
        await eventually(() => expect(source.catalog.objectives.size, group).toBe(0))
      }
      for (const kind of [kinds.rewrite, kinds.rewriteLlmd]) {
        const rules = [
          { matches: [{ model: { type: 'Exact', value: 'x' } }], targets: [{ modelRewrite: 'y', weight: 1 }] },
        ]
        await put(api, kind, { metadata: { name: 'canary' }, spec: { poolRef, rules } })
        await eventually(() => expect(source.catalog.rewrites.get('default/qwen')?.exact.has('x')).toBe(true))
        await remove(api, kind, 'canary')
        await eventually(() => expect(source.catalog.rewrites.size).toBe(0))
      }

      const labels = { 'inference.networking.k8s.io/bbr-managed': 'true' }
      await put(api, kinds.configMap, {
        metadata: { name: 'adapters', labels },
        data: { baseModel: 'b', adapters: '- l' },
      })
      await eventually(() => expect(source.catalog.baseModels.get('l')).toBe('b'))
      await remove(api, kinds.configMap, 'adapters')
      await eventually(() => expect(source.catalog.baseModels.size).toBe(0))

      const target2 = { modelName: 'chat', poolRef: { name: 'old' } }
      await put(api, kinds.model, { metadata: { name: 'chat-old' }, spec: target2 })
      await eventually(() => expect(source.catalog.models.get('chat')?.weights).toEqual([1, 1]))
      const backend = (name: string, group: string, weight: number) => ({ group, kind: 'InferencePool', name, weight })
      await put(api, kinds.httpRoute, {
        metadata: { name: 'chat' },
        spec: {
          rules: [
            {
              matches: [{ headers: [{ name: 'X-Gateway-Model-Name', value: 'chat' }] }],
              backendRefs: [
                backend('qwen', 'inference.networking.k8s.io', 80),
                backend('old', 'inference.networking.x-k8s.io', 20),
              ],
            },
          ],
        },
      })
      await eventually(() => {
        const { rules = [], weights = [] } = source.catalog.models.get('chat') ?? {}
        expect(Object.fromEntries(rules.map(({ pool }, i) => [pool.name, weights[i]]))).toEqual({ qwen: 80, old: 20 })
      })
      await remove(api, kinds.httpRoute, 'chat')
      await eventually(() => expect(source.catalog.models.get('chat')?.weights).toEqual([1, 1]))

      await remove(api, kinds.model, 'chat-old')
      await remove(api, kinds.model, 'chat')
      await eventually(() => expect(source.catalog.models.size).toBe(0))
      await remove(api, kinds.poolV1alpha2, 'old')
      await remove(api, kinds.poolV1, 'qwen')
      await eventually(() => expect(source.catalog.pools.size).toBe(0))
      expect(source.problemTexts()).toEqual([])
    } finally {
      await source.close()
    }
  })

  test('pods count while they are ready, on the ports that they name', async () => {
    const labels = { app: 'pods' }
    await put(api, kinds.poolV1, { metadata: { name: 'pods' }, spec: poolSpec('pods', [8000, 8001]) })
    await putPod(api, { name: 'pod-a', labels }, { ip: '127.0.0.11' })
    const source = await watching(api.kubeconfig)
    const both = (ip: string) => [`${ip}:8000`, `${ip}:8001`]
    try {
      expect(source.addresses('pods')).toEqual(both('127.0.0.11'))
      await putPod(api, { name: 'pod-b', labels }, { ip: '127.0.0.12', isReady: false })
      await putPod(api, { name: 'other', labels: { app: 'other' } }, { ip: '127.0.0.19' })
      await setPodStatus(api, 'pod-b', { ip: '127.0.0.12' })
      await eventually(() => expect(source.addresses('pods')).toEqual([...both('127.0.0.11'), ...both('127.0.0.12')]))
      await setPodStatus(api, 'pod-a', { ip: '127.0.0.11', isReady: false })
      await eventually(() => expect(source.addresses('pods')).toEqual(both('127.0.0.12')))

      const annotations = { 'inference.networking.k8s.io/active-ports': '8001' }
      await api.patch('/api/v1/namespaces/default/pods/pod-b', { metadata: { annotations } })
      await eventually(() => expect(source.addresses('pods')).toEqual(['127.0.0.12:8001']))
      await api.patch('/api/v1/namespaces/default/pods/pod-b', {
        metadata: { annotations: { 'llm-d.ai/active-ports': '8000, 9999, none' } },
      })
      await eventually(() => expect(source.addresses('pods')).toEqual(['127.0.0.12:8000']))

      // A finalizer keeps it in the API while it ends, as the kubelet does.
      await api.patch('/api/v1/namespaces/default/pods/pod-b', { metadata: { finalizers: ['example.com/wait'] } })
      await remove(api, kinds.pod, 'pod-b')
      await eventually(() => expect(source.addresses('pods')).toEqual([]))
      await api.patch('/api/v1/namespaces/default/pods/pod-b', { metadata: { finalizers: [] } })
      await setPodStatus(api, 'pod-a', { ip: '127.0.0.11' })
      await eventually(() => expect(source.addresses('pods')).toEqual(both('127.0.0.11')))
      await remove(api, kinds.pod, 'pod-a')
      await eventually(() => expect(source.addresses('pods')).toEqual([]))
    } finally {
      await source.close()
      await remove(api, kinds.poolV1, 'pods')
    }
  })

  test('a pool in a namespace without pools is told with its Pods', async () => {
    const source = await watching(api.kubeconfig)
    try {
      await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'models' } })
      await putPod(api, { name: 'first', namespace: 'models', labels: { app: 'first' } }, { ip: '127.0.0.15' })
      await put(api, kinds.poolV1, { metadata: { name: 'first', namespace: 'models' }, spec: poolSpec('first') })
      const withPool = () => source.told.all.filter(({ catalog }) => catalog.pools.has('models/first'))
      await eventually(() => expect(withPool().length).toBeGreaterThan(0))
      expect(withPool()[0].endpoints.map(({ address }) => address)).toContain('127.0.0.15')
    } finally {
      await source.close()
      await remove(api, kinds.poolV1, 'first', 'models')
    }
  })

  test('what only a controller writes makes nothing new', async () => {
    await put(api, kinds.poolV1, { metadata: { name: 'quiet' }, spec: poolSpec('quiet') })
    const source = await watching(api.kubeconfig)
    try {
      const before = source.told.snapshots
      await api.patch('/apis/inference.networking.k8s.io/v1/namespaces/default/inferencepools/quiet/status', {
        status: { parents: [{ parentRef: { name: 'gateway' } }] },
      })
      await put(api, kinds.poolV1, { metadata: { name: 'loud' }, spec: poolSpec('loud') })
      await eventually(() => expect(source.catalog.pools.has('default/loud')).toBe(true))
      expect(source.told.snapshots).toBe(before + 1)
    } finally {
      await source.close()
      await remove(api, kinds.poolV1, 'quiet')
      await remove(api, kinds.poolV1, 'loud')
    }
  })

  test('a pool alone is read with rights on its namespace alone', async () => {
    await api.create('/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'picker' },
      rules: [
        { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: ['inference.networking.k8s.io'], resources: ['inferencepools'], verbs: ['get', 'list', 'watch'] },
      ],
    })
    await api.create('/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'picker' },
      subjects: [{ kind: 'User', name: 'signalbox', apiGroup: 'rbac.authorization.k8s.io' }],
      roleRef: { kind: 'Role', name: 'picker', apiGroup: 'rbac.authorization.k8s.io' },
    })
    await put(api, kinds.poolV1, { metadata: { name: 'alone' }, spec: poolSpec('alone') })
    await putPod(api, { name: 'alone', labels: { app: 'alone' } }, { ip: '127.0.0.21' })
    const onlyPool = { namespace: 'default', name: 'alone' }
    const source = await watching(api.kubeconfigOf('signalbox'), { onlyPool })
    try {
      expect(source.addresses('alone')).toEqual(['127.0.0.21:8000'])
      expect(source.problemTexts()).toContainEqual(
        expect.stringMatching(
          /^inferencemodels\.inference\.networking\.x-k8s\.io: may not be read: .*get, list and watch/,
        ),
      )
      expect(source.problemTexts()).not.toContainEqual(
        expect.stringMatching(/^(pods|inferencepools\.inference\.networking\.k8s)/),
      )
    } finally {
      await source.close()
      await remove(api, kinds.pod, 'alone')
      await remove(api, kinds.poolV1, 'alone')
    }
  })

  test('1,000 pods with 100 updates a second are never seen more than a second late', async () => {
    const [podCount, updateCount, updatesPerSecond] = [1000, 500, 100]
    const names = Array.from({ length: podCount }, (_, index) => `scale-${index}`)
    const ip = (index: number) => `127.1.${index >> 8}.${index & 255}`
    await put(api, kinds.poolV1, { metadata: { name: 'scale' }, spec: poolSpec('scale') })
    const batches = Array.from({ length: 20 }, (_, batch) => names.slice(batch * 50, (batch + 1) * 50))
    for (const batch of batches) {
      await Promise.all(
        batch.map((name) => putPod(api, { name, labels: { app: 'scale' } }, { ip: ip(names.indexOf(name)) })),
      )
    }
    const source = await watching(api.kubeconfig)
    try {
      expect(source.addresses('scale')).toHaveLength(podCount)
      const startedMs = performance.now()
      const before = { snapshots: source.told.snapshots, cpu: process.cpuUsage() }
      let furthestBehind = 0
      for (let sent = 0; sent < updateCount; sent++) {
        // The first pods leave one after the other: how many are left says which updates were seen.
        await setPodStatus(api, names[sent], { ip: ip(sent), isReady: false })
        furthestBehind = Math.max(furthestBehind, source.addresses('scale').length - (podCount - sent - 1))
        await sleep(Math.max(0, startedMs + ((sent + 1) * 1000) / updatesPerSecond - performance.now()))
      }
      await eventually(() => expect(source.addresses('scale')).toHaveLength(podCount - updateCount))
      const { user, system } = process.cpuUsage(before.cpu)
      console.log(
        `${Math.round((updateCount / (performance.now() - startedMs)) * 1000)} updates a second, ` +
          `at most ${furthestBehind} behind, ${source.told.snapshots - before.snapshots} snapshots, ` +
          `${Math.round((user + system) / updateCount)} µs of CPU an update, with the test's own`,
      )
      expect(furthestBehind).toBeLessThanOrEqual(updatesPerSecond)
    } finally {
      await source.close()
      await remove(api, kinds.poolV1, 'scale')
      for (const batch of batches) await Promise.all(batch.map((name) => remove(api, kinds.pod, name)))
    }
  })

  test('while the API server is gone all stays as it was, and it catches up afterwards', async () => {
    await put(api, kinds.poolV1, { metadata: { name: 'outage' }, spec: poolSpec('outage') })
    await putPod(api, { name: 'outage-a', labels: { app: 'outage' } }, { ip: '127.0.0.31' })
    const source = await watching(api.kubeconfig)
    try {
      await api.interrupt()
      await eventually(() =>
        expect(source.problemTexts()).toEqual([
          expect.stringMatching(/^Kubernetes API: can't be read now: .*ECONNREFUSED.*what is known stays in use$/),
        ]),
      )
      expect(source.addresses('outage')).toEqual(['127.0.0.31:8000'])
      await api.resume()
      await putPod(api, { name: 'outage-b', labels: { app: 'outage' } }, { ip: '127.0.0.32' })
      await eventually(() => expect(source.addresses('outage')).toEqual(['127.0.0.31:8000', '127.0.0.32:8000']))
      await eventually(() => expect(source.problemTexts()).toEqual([]))
    } finally {
      await source.close()
      for (const name of ['outage-a', 'outage-b']) await remove(api, kinds.pod, name)
      await remove(api, kinds.poolV1, 'outage')
    }
  })
})

describe.skipIf(isSkipped)('a source of a cluster where nothing is installed', () => {
  test('says what is missing, and sees kinds that are installed later', async () => {
    const api = await startCluster([])
    const source = await watching(api.kubeconfig)
    try {
      expect(source.problemTexts()).toEqual([expect.stringContaining('serves no InferencePool')])
      expect([...source.told.missing].sort()).toEqual(Object.values(crdNames).sort())
      await installCrds(api, [crdNames.poolV1])
      await put(api, kinds.poolV1, { metadata: { name: 'late' }, spec: poolSpec('late') })
      await eventually(() => expect(source.catalog.pools.has('default/late')).toBe(true))
      await eventually(() => expect(source.problemTexts()).toEqual([]))
      expect(source.told.missing).not.toContain(crdNames.poolV1)
    } finally {
      await source.close()
      await api.stop()
    }
  })
})

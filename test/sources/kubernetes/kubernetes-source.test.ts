import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ApiError, type Query, type WatchListener } from '../../../src/kubernetes/client.ts'
import { kinds } from '../../../src/kubernetes/kinds.ts'
import { collectionPath, type ResourceKind, resourceName } from '../../../src/kubernetes/object.ts'
import { KubernetesSource, type KubernetesSourceOptions } from '../../../src/sources/kubernetes/kubernetes-source.ts'
import type { Snapshot } from '../../../src/sources/source.ts'
import { ManualClock } from '../../pool/manual-clock.ts'

const pool = {
  metadata: { name: 'qwen', namespace: 'default', resourceVersion: '1' },
  spec: {
    selector: { matchLabels: { app: 'qwen' } },
    targetPorts: [{ number: 8000 }],
    endpointPickerRef: { name: 'signalbox', port: { number: 9002 } },
  },
}
const pod = {
  metadata: { name: 'a', namespace: 'default', resourceVersion: '1', labels: { app: 'qwen' } },
  status: { podIP: '127.0.0.9', conditions: [{ type: 'Ready', status: 'True' }] },
}

/** An API server that has a pool and a Pod, and fails as a test says. */
class FailingApi {
  readonly #objects = new Map<string, readonly object[]>([
    [collectionPath(kinds.poolV1), [pool]],
    [collectionPath(kinds.pod, 'default'), [pod]],
  ])
  readonly #failures = new Map<string, Error>()
  readonly #cuts = new Set<(error: Error) => void>()
  /** Of all calls, what ever they ask for. */
  #outage: Error | undefined

  fail(kind: ResourceKind, error: Error | undefined, namespace?: string): void {
    const path = collectionPath(kind, namespace)
    if (error === undefined) this.#failures.delete(path)
    else this.#failures.set(path, error)
    this.#cut()
  }

  failAll(error: Error | undefined): void {
    this.#outage = error
    this.#cut()
  }

  async get(path: string): Promise<unknown> {
    this.#check(path)
    return { metadata: { resourceVersion: '1' }, items: this.#objects.get(path) ?? [] }
  }

  async watch(path: string, _: Query, listener: WatchListener, stop: AbortSignal): Promise<'ended'> {
    this.#check(path)
    listener.onOpen()
    return new Promise((resolve, reject) => {
      this.#cuts.add(reject)
      stop.addEventListener('abort', () => resolve('ended'))
    })
  }

  #check(path: string): void {
    const error = this.#outage ?? this.#failures.get(path)
    if (error !== undefined) throw error
  }

  /** Watches end; what is asked for next is answered as things are now. */
  #cut(): void {
    for (const cut of this.#cuts) cut(new Error('cut'))
    this.#cuts.clear()
  }
}

const notInstalled = new ApiError(404, '', 'page not found')

describe('a source that reads a cluster', () => {
  let api: FailingApi
  let clock: ManualClock
  let source: KubernetesSource
  let problems: readonly string[]
  let missing: (readonly string[])[]
  let snapshot: Snapshot

  async function start(options: Partial<KubernetesSourceOptions> = {}): Promise<void> {
    const everything = { onlyPool: undefined, namespace: undefined, poolGroup: undefined, standing: [] }
    source = new KubernetesSource(
      api,
      { ...everything, clock, random: () => 0.5, ...options },
      {
        onSnapshot: (next) => (snapshot = next),
        onProblems: ({ current }) => (problems = current.map(({ place, message }) => `${place}: ${message}`)),
        onMissing: (resources) => missing.push(resources),
      },
    )
    snapshot = await source.start()
  }

  beforeEach(async () => {
    api = new FailingApi()
    clock = new ManualClock()
    problems = []
    missing = []
    api.fail(kinds.model, notInstalled)
    await start()
  })
  afterEach(() => source.close())

  const expectServing = () => {
    expect([...snapshot.catalog.pools.keys()]).toEqual(['default/qwen'])
    expect(snapshot.endpoints.map(({ address }) => address)).toEqual(['127.0.0.9'])
  }

  test('serves what there is, and says what is not installed', () => {
    expectServing()
    expect(problems).toEqual([])
    expect(missing).toEqual([[resourceName(kinds.model)]])
  })

  describe('at the start', () => {
    const broken = new ApiError(500, '', 'conversion webhook failed')
    const startedAfter = async (failing: ResourceKind, ms: number) => {
      await source.close()
      api.fail(failing, broken)
      let isStarted = false
      const started = start().then(() => {
        isStarted = true
      })
      await clock.advance(ms)
      const wasStarted = isStarted
      api.fail(failing, undefined)
      await clock.advance(60_000)
      await started
      return wasStarted
    }

    test('waits half a minute for a kind that it can do without', async () => {
      expect(await startedAfter(kinds.rewrite, 29_000)).toBe(false)
      expect(await startedAfter(kinds.rewrite, 31_000)).toBe(true)
      expectServing()
    })

    test('waits for the right to read Pods, and says so', async () => {
      await source.close()
      api.fail(kinds.pod, new ApiError(403, 'Forbidden', 'pods is forbidden'), 'default')
      let isStarted = false
      const started = start().then(() => {
        isStarted = true
      })
      await clock.advance(300_000)
      expect(isStarted).toBe(false)
      expect(problems).toEqual([expect.stringMatching(/^pods: may not be read/)])
      api.fail(kinds.pod, undefined, 'default')
      await clock.advance(60_000)
      await started
      expectServing()
    })

    test('waits for pools as long as it takes', async () => {
      expect(await startedAfter(kinds.poolV1, 300_000)).toBe(false)
      expectServing()
    })
  })

  test('goes on with what it knows of a kind that is no longer installed', async () => {
    api.fail(kinds.poolV1, notInstalled)
    await clock.advance(60_000)
    expectServing()
    expect(problems).toEqual([
      `${resourceName(kinds.poolV1)}: are no longer served by the API; what was known of them stays in use (1)`,
    ])
    api.fail(kinds.poolV1, undefined)
    await clock.advance(60_000)
    expectServing()
    expect(problems).toEqual([])
  })

  test('goes on with what it knows of a kind that it may no longer read', async () => {
    api.fail(kinds.pod, new ApiError(403, 'Forbidden', 'pods is forbidden'), 'default')
    await clock.advance(60_000)
    expectServing()
    expect(problems).toEqual([
      'pods: may not be read: pods is forbidden; give this service account get, list and watch on them; ' +
        'what was known of them stays in use (1)',
    ])
  })

  test('while nothing answers, says that, and finds nothing installed that was missing', async () => {
    api.failAll(new Error('connect ECONNREFUSED'))
    await clock.advance(60_000)
    expectServing()
    expect(problems).toEqual(["Kubernetes API: can't be read now: connect ECONNREFUSED; what is known stays in use"])
    api.failAll(undefined)
    await clock.advance(60_000)
    expect(problems).toEqual([])
    expect(missing).toHaveLength(1)
  })

  test('says why nothing answers now, not why it did not before', async () => {
    api.failAll(new Error('connect ECONNREFUSED'))
    await clock.advance(60_000)
    api.failAll(new ApiError(401, 'Unauthorized', 'Unauthorized'))
    await clock.advance(60_000)
    expect(problems).toEqual(["Kubernetes API: can't be read now: Unauthorized; what is known stays in use"])
  })

  test('a pool that stands beside the cluster is served where pools are not installed', async () => {
    await source.close()
    for (const kind of [kinds.poolV1, kinds.poolV1alpha2]) api.fail(kind, notInstalled, 'default')
    const name = 'standing'
    const { apiVersion, kind } = kinds.poolV1
    const object = { apiVersion, kind, ...pool, metadata: { ...pool.metadata, name } }
    await start({
      onlyPool: { namespace: 'default', name },
      standing: [{ apiVersion, kind, object, origin: { place: () => '--endpoint-selector' } }],
    })
    expect([...snapshot.catalog.pools.keys()]).toEqual(['default/standing'])
    expect(snapshot.endpoints.map(({ address }) => address)).toEqual(['127.0.0.9'])
    expect(problems).toEqual([])
  })
})

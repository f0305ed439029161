import { describe, expect, test } from 'vitest'
import { ApiError } from '../../src/kubernetes/client.ts'
import { defaultLeaseTimes, LeaderElector } from '../../src/kubernetes/lease.ts'
import type { KubeObject } from '../../src/kubernetes/object.ts'
import { ManualClock, settled } from '../pool/manual-clock.ts'

type Lease = KubeObject & { readonly spec: Record<string, unknown> }

/** An API server that stores one Lease, and that a test can make hang or refuse. */
class LeaseApi {
  lease: Lease | undefined
  behaviour: 'answers' | 'hangs' | 'refuses' = 'answers'
  calls = 0
  #version = 0

  async get(): Promise<KubeObject> {
    await this.#behave()
    if (this.lease === undefined) throw new ApiError(404, 'NotFound', 'not found')
    return this.lease
  }

  async create(_path: string, lease: object): Promise<KubeObject> {
    await this.#behave()
    if (this.lease !== undefined) throw new ApiError(409, 'AlreadyExists', 'exists')
    return this.store(lease as Lease)
  }

  async update(_path: string, lease: object): Promise<KubeObject> {
    await this.#behave()
    const { metadata } = lease as Lease
    if (metadata.resourceVersion !== this.lease?.metadata.resourceVersion)
      throw new ApiError(409, 'Conflict', 'changed')
    return this.store(lease as Lease)
  }

  store(lease: Lease): Lease {
    this.#version += 1
    return (this.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(this.#version) } })
  }

  #behave(): Promise<void> {
    this.calls += 1
    switch (this.behaviour) {
      case 'answers':
        return Promise.resolve()
      case 'hangs':
        return new Promise(() => {})
      case 'refuses':
        return Promise.reject(new ApiError(403, 'Forbidden', 'not for you'))
    }
  }
}

async function contend(api = new LeaseApi(), identity = 'a') {
  const clock = new ManualClock()
  const changes: boolean[] = []
  const failures: string[] = []
  const elector = new LeaderElector(
    api,
    { namespace: 'default', name: 'test', identity, clock, random: () => 0 },
    { onChange: (isLeader) => changes.push(isLeader), onFailing: ({ message }) => failures.push(message) },
  )
  elector.start()
  await settled()
  return { api, clock, elector, changes, failures }
}

const { renewDeadlineMs, retryMs, durationMs } = defaultLeaseTimes

describe('a leader elector', () => {
  test('leads as soon as it has made the lease, and renews it', async () => {
    const { api, clock, elector, changes } = await contend()
    expect(changes).toEqual([true])
    for (let renewal = 0; renewal < 10; renewal += 1) await clock.advance(retryMs)
    expect(elector.isLeader).toBe(true)
    expect(changes).toEqual([true])
    expect(api.calls).toBe(12)
    await elector.close()
  })

  test('whose calls hang leads up to the renew deadline, and again when they are answered', async () => {
    const { api, clock, elector, changes, failures } = await contend()
    api.behaviour = 'hangs'
    await clock.advance(renewDeadlineMs - 1)
    expect(elector.isLeader).toBe(true)
    await clock.advance(1)
    expect(elector.isLeader).toBe(false)
    expect(changes).toEqual([true, false])
    expect(failures).toEqual(['the API server has not answered within 3000 ms'])
    api.behaviour = 'answers'
    await clock.advance(10_000)
    expect(changes).toEqual([true, false, true])
    await elector.close()
  })

  test('that got no CPU for longer than the lease lasts does not think that it leads, even before any timer has run', async () => {
    const { clock, elector } = await contend()
    clock.stall(renewDeadlineMs)
    expect(elector.isLeader).toBe(false)
    await elector.close()
  })

  test("takes another's lease when it has not changed for its duration", async () => {
    const api = new LeaseApi()
    api.store({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'default', name: 'test' },
      spec: { holderIdentity: 'gone', leaseDurationSeconds: 10, leaseTransitions: 4 },
    })
    const { clock, elector, changes } = await contend(api)
    expect(elector.holder).toBe('gone')
    await clock.advance(durationMs - 1)
    expect(changes).toEqual([])
    await clock.advance(1)
    expect(changes).toEqual([true])
    expect(api.lease?.spec).toMatchObject({ holderIdentity: 'a', leaseTransitions: 5 })
    await elector.close()
  })

  test('tells once that it is refused, and tells again after it was not', async () => {
    const api = new LeaseApi()
    api.behaviour = 'refuses'
    const { clock, elector, failures } = await contend(api)
    await clock.advance(60_000)
    expect(failures).toEqual(['not for you'])
    api.behaviour = 'answers'
    await clock.advance(retryMs)
    expect(elector.isLeader).toBe(true)
    api.behaviour = 'refuses'
    await clock.advance(retryMs)
    expect(failures).toHaveLength(2)
    api.behaviour = 'answers'
    await elector.close()
  })

  test('that ends gives the lease back, and does nothing more', async () => {
    const { api, clock, elector, changes } = await contend()
    await elector.close()
    expect(changes).toEqual([true, false])
    expect(api.lease?.spec).toMatchObject({ holderIdentity: '' })
    const { calls } = api
    await clock.advance(60_000)
    expect(api.calls).toBe(calls)
    expect(clock.pendingTimers).toBe(0)
  })
})

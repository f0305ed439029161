import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { KubeClient } from '../../src/kubernetes/client.ts'
import type { LeaseTimes } from '../../src/kubernetes/election.ts'
import { loadKubeconfig } from '../../src/kubernetes/kubeconfig.ts'
import { LeaderElector } from '../../src/kubernetes/lease.ts'
import type { KubeApi } from '../real/kube-api.ts'
import { isSkipped, startCluster } from './cluster.ts'

/** A fifth of the real ones. */
const times: LeaseTimes = { durationMs: 2_000, renewDeadlineMs: 1_400, retryMs: 400 }
const eventually = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 20_000, interval: 20 })

describe.skipIf(isSkipped)('a lease on a real API server', () => {
  let api: KubeApi
  beforeAll(async () => {
    api = await startCluster([])
  })
  afterAll(() => api?.stop())

  const path = (name: string) => `/apis/coordination.k8s.io/v1/namespaces/default/leases/${name}`
  const specOf = async (name: string) => ((await api.get(path(name))) as { spec: Record<string, unknown> }).spec

  async function contend(name: string, identity: string, kubeconfig = api.kubeconfig) {
    const changes: boolean[] = []
    const failures: string[] = []
    const elector = new LeaderElector(
      new KubeClient(await loadKubeconfig(kubeconfig)),
      { namespace: 'default', name, identity, times, clock: systemClock, random: Math.random },
      { onChange: (isLeader) => changes.push(isLeader), onFailing: ({ message }) => failures.push(message) },
    )
    elector.start()
    return { elector, changes, failures }
  }

  test('one of three has it; when that one ends another has it at once', async () => {
    const all = await Promise.all(['a', 'b', 'c'].map((identity) => contend('handover', identity)))
    const leaders = () => all.filter(({ elector }) => elector.isLeader)
    await eventually(() => expect(leaders()).toHaveLength(1))
    const [first] = leaders()
    expect(await specOf('handover')).toEqual({
      holderIdentity: first.elector.holder,
      leaseDurationSeconds: 2,
      acquireTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      renewTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      leaseTransitions: 0,
    })

    await first.elector.close()
    expect(first.changes).toEqual([true, false])
    await eventually(() => expect(leaders()).toHaveLength(1))
    const [second] = leaders()
    expect(second).not.toBe(first)
    expect(await specOf('handover')).toMatchObject({ holderIdentity: second.elector.holder, leaseTransitions: 1 })
    await Promise.all(all.map(({ elector }) => elector.close()))
    expect(await specOf('handover')).toMatchObject({ holderIdentity: '' })
  })

  test('while the API server is gone leadership ends at the renew deadline; it comes back with it', async () => {
    const { elector, changes, failures } = await contend('outage', 'a')
    await eventually(() => expect(elector.isLeader).toBe(true))
    const { acquireTime } = await specOf('outage')
    await api.interrupt()
    try {
      await eventually(() => expect(changes).toEqual([true, false]))
      expect(elector.isLeader).toBe(false)
      expect(failures).toHaveLength(1)
    } finally {
      await api.resume()
    }
    await eventually(() => expect(changes).toEqual([true, false, true]))
    expect(await specOf('outage')).toMatchObject({ holderIdentity: 'a', acquireTime, leaseTransitions: 0 })
    await elector.close()
  })

  test('a renewal by hand of another is respected', async () => {
    const { elector, changes } = await contend('stolen', 'a')
    await eventually(() => expect(elector.isLeader).toBe(true))
    await api.patch(path('stolen'), { spec: { holderIdentity: 'thief', leaseDurationSeconds: 1 } })
    await eventually(() => expect(changes).toEqual([true, false]))
    await eventually(() => expect(changes).toEqual([true, false, true]))
    expect(await specOf('stolen')).toMatchObject({ holderIdentity: 'a', leaseTransitions: 1 })
    await elector.close()
  })

  test('without the right to it there is no leader, and that is said once', async () => {
    const { elector, failures } = await contend('forbidden', 'a', api.kubeconfigOf('signalbox'))
    await eventually(() => expect(failures).toHaveLength(1))
    expect(failures[0]).toContain('cannot get resource "leases"')
    expect(elector.isLeader).toBe(false)
    await elector.close()
  })
})

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Injection } from '../../../src/sim/faults.ts'
import { envoy } from '../envoy.ts'
import { type Fleet, startFleet } from './fleet.ts'
import { clients, expectCounts, failed, noFailures, type Stage, startStage } from './stage.ts'

/** Many times what an answer takes, but a client that waits for a server that stalls must not hold up the test. */
const patienceMs = 2000

describe.skipIf(envoy === undefined)('of three model servers one', () => {
  let fleet: Fleet
  let stage: Stage
  beforeAll(async () => {
    fleet = await startFleet()
    stage = await startStage({ servers: fleet.servers, patienceMs })
  })
  afterEach(async () => {
    // It is well again, and gets its share.
    const [sim] = fleet.servers
    const before = sim.journal.count
    await expect.poll(() => sim.journal.count - before).toBeGreaterThan(10)
  })
  afterAll(async () => {
    await stage?.stop()
    await fleet?.stop()
  })

  /** The server has these faults until so many requests were answered, which others must do. */
  async function spoil(faults: readonly Injection[], requests: number): Promise<void> {
    const [sim] = fleet.servers
    sim.setFaults(faults)
    await stage.traffic.answered(requests)
    sim.setFaults([])
  }

  test('refuses connections: only what it has at that moment fails', async () => {
    const [sim] = fleet.servers
    const { during } = await stage.suffer('A model server refuses connections', async () => {
      await sim.refuse()
      await stage.traffic.answered(300)
      await sim.accept()
    })
    expectCounts(during, { abandoned: 0 })
    expect(failed(during.counts)).toBeLessThanOrEqual(clients)
  })

  test('comes and goes: only what it has each time that it goes fails', async () => {
    const [sim] = fleet.servers
    const times = 4
    const { during } = await stage.suffer('A model server comes and goes', async () => {
      for (let time = 0; time < times; time++) {
        await sim.refuse()
        await stage.traffic.answered(40)
        await sim.accept()
        await stage.traffic.answered(40)
      }
    })
    expectCounts(during, { abandoned: 0 })
    expect(failed(during.counts)).toBeLessThanOrEqual(times * clients)
    expect(failed(during.counts)).toBeLessThan(during.counts.answered / 5)
  })

  test('stalls: it gets no more than a few requests, the others are served', async () => {
    const { during } = await stage.suffer('A model server stalls', () => spoil([{ kind: 'stall' }], 300))
    expectCounts(during, { refused: 0, cut: 0 })
    expect(during.counts.abandoned).toBeGreaterThan(0)
    expect(during.counts.abandoned).toBeLessThanOrEqual(clients)
  })

  test('breaks off: its clients are told, no answer looks whole that is not', async () => {
    const [sim] = fleet.servers
    const before = sim.journal.count
    const { during } = await stage.suffer('A model server breaks off its answers', async () => {
      await spoil([{ kind: 'abort', afterChunks: 1 }], 150)
      await spoil([{ kind: 'abort' }], 150)
    })
    expectCounts(during, { abandoned: 0 })
    expect(during.counts.cut).toBeGreaterThan(0)
    expect(during.counts.refused).toBeGreaterThan(0)
    expect(failed(during.counts)).toBeLessThanOrEqual(sim.journal.count - before)
  })

  test('answers 503: Envoy asks another one, and no request fails', async () => {
    const { during } = await stage.suffer('A model server answers 503', () =>
      spoil([{ kind: 'status', code: 503 }], 300),
    )
    expectCounts(during, noFailures)
  })
})

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { envoy } from '../envoy.ts'
import { type Fleet, startFleet } from './fleet.ts'
import { clients, expectCounts, failed, noFailures, type Stage, startStage } from './stage.ts'

describe.skipIf(envoy === undefined)('one Signalbox', () => {
  let fleet: Fleet
  let stage: Stage
  beforeAll(async () => {
    process.env.NODE_OPTIONS = `--import=${join(import.meta.dirname, 'wall-clock.ts')}`
    fleet = await startFleet()
    stage = await startStage({ servers: fleet.servers })
  })
  afterAll(async () => {
    delete process.env.NODE_OPTIONS
    await stage?.stop()
    await fleet?.stop()
  })

  test('is killed: requests are refused until it is back, those that it has decided go on', async () => {
    const { part } = stage.scene.replicas[0]
    const { during } = await stage.suffer('Signalbox is killed', async () => {
      await part.end('SIGKILL')
      await part.start()
    })
    expectCounts(during, { abandoned: 0 })
    expect(during.counts.refused).toBeGreaterThan(0)
    // In BUFFERED mode Envoy keeps the stream, and cuts the answer when it loses it.
    expect(during.counts.cut).toBeLessThanOrEqual(clients / 3)
    expect([...during.reasons.keys()].filter((reason) => /^(full-duplex|streamed): cut/.test(reason))).toEqual([])
  })

  test('stands still for 2 s: requests wait, and none fails', async () => {
    const { pid } = stage.scene.signalbox
    const { during } = await stage.suffer('Signalbox stands still for 2 s', async () => {
      process.kill(pid, 'SIGSTOP')
      try {
        await sleep(2000)
      } finally {
        process.kill(pid, 'SIGCONT')
      }
    })
    expectCounts(during, noFailures)
  })

  test('does not go by the wall clock: it jumps, and no request fails', async () => {
    const { signalbox } = stage.scene
    const { during } = await stage.suffer('The wall clock jumps', async () => {
      for (const years of [0, -1]) {
        process.kill(signalbox.pid, 'SIGUSR2')
        const there = new RegExp(`the wall clock says ${new Date(Date.now() + 86_400_000).getFullYear() + years}`)
        await expect.poll(() => signalbox.lastLines()).toMatch(there)
        await stage.traffic.answered(100)
      }
    })
    expectCounts(during, noFailures)
  })

  test('forgets the requests of an Envoy that is restarted', async () => {
    const { envoy } = stage.scene
    await stage.suffer('Envoy is restarted', async () => {
      await envoy.end('SIGTERM')
      await expect.poll(() => stage.scene.metric('signalbox_open_exchanges')).toBe(0)
      await envoy.start()
    })
  })
})

describe.skipIf(envoy === undefined)('of two Signalboxes', () => {
  let fleet: Fleet
  let stage: Stage
  beforeAll(async () => {
    fleet = await startFleet()
    stage = await startStage({ servers: fleet.servers, replicas: 2, serveFlags: ['--drain-timeout=30s'] })
  })
  afterAll(async () => {
    await stage?.stop()
    await fleet?.stop()
  })

  test('one is killed: only what it has at that moment fails', async () => {
    const { part } = stage.scene.replicas[0]
    const { during } = await stage.suffer('One of two Signalboxes is killed', async () => {
      await part.end('SIGKILL')
      await stage.traffic.answered(600)
      await part.start()
    })
    expectCounts(during, { abandoned: 0 })
    expect(failed(during.counts)).toBeLessThanOrEqual(clients)
  })

  test('one is drained and comes back: no request fails', async () => {
    const { part } = stage.scene.replicas[0]
    const { during } = await stage.suffer('Signalbox is drained', async () => {
      await part.end('SIGTERM')
      await part.start()
    })
    expectCounts(during, noFailures)
  })
})

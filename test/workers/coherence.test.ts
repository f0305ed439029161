import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { unknownMetrics } from '../../src/pool/endpoint.ts'
import { newsIntervalMs, reportIntervalMs } from '../../src/workers/limits.ts'
import { Crews, poolKey } from './crew-of.ts'

const a = { address: '10.0.0.1', generation: 1 }
const b = { address: '10.0.0.2', generation: 1 }

/** Within so many milliseconds all workers know. */
const knownMs = 100

describe('requests in flight', () => {
  test('are seen by all workers within 100 ms, and so are their ends', async () => {
    const crews = new Crews(3, [a, b])
    const [first, second, third] = crews.workers
    first.begin(a.address, 50)
    second.begin(a.address, 7)
    await crews.clock.advance(knownMs)
    expect(crews.workers.map((worker) => worker.seenAt(a.address))).toEqual([2, 2, 2])
    expect(third.pools.endpointAt(`${a.address}:8000`)?.inFlightTokens).toBe(57)
    expect(third.seenAt(b.address)).toBe(0)
    first.end()
    await crews.clock.advance(knownMs)
    expect(crews.workers.map((worker) => worker.seenAt(a.address))).toEqual([1, 1, 1])
  })

  test('are seen within 100 ms at whatever moment of the intervals they begin', async () => {
    for (let offsetMs = 0; offsetMs < reportIntervalMs + newsIntervalMs; offsetMs += 1) {
      const crews = new Crews(2, [a])
      const [first, second] = crews.workers
      // The intervals of both ways run.
      first.begin(a.address)
      await crews.clock.advance(offsetMs)
      first.begin(a.address)
      await crews.clock.advance(knownMs)
      expect(second.seenAt(a.address)).toBe(2)
    }
  })

  test('cost a message each interval at most, however many there are, and none while nothing changes', async () => {
    const crews = new Crews(2, [a])
    const [first] = crews.workers
    for (let ms = 0; ms < 1000; ms += 1) {
      first.begin(a.address)
      await crews.clock.advance(1)
    }
    expect(crews.reports).toBeLessThanOrEqual(1000 / reportIntervalMs + 1)
    expect(crews.news).toBeLessThanOrEqual(1000 / reportIntervalMs + 1)
    await crews.clock.advance(knownMs)
    const { reports, news } = crews
    await crews.clock.advance(10_000)
    expect([crews.reports, crews.news]).toEqual([reports, news])
    while (first.flights.length > 0) first.end()
    await crews.clock.advance(knownMs)
    // Idle workers have no timers: they cost nothing.
    expect(crews.clock.pendingTimers).toBe(0)
  })

  test('go with the worker that had them', async () => {
    const crews = new Crews(2, [a])
    const [first, second] = crews.workers
    first.begin(a.address)
    second.begin(a.address)
    await crews.clock.advance(knownMs)
    crews.kill(first)
    await crews.clock.advance(knownMs)
    expect(second.seenAt(a.address)).toBe(1)
  })

  test('are known to a worker that begins later, from its first request on', async () => {
    const crews = new Crews(1, [a])
    crews.workers[0].begin(a.address)
    await crews.clock.advance(knownMs)
    expect(crews.join().seenAt(a.address)).toBe(1)
  })

  test('of another server at the same address do not count', async () => {
    const crews = new Crews(2, [a])
    const [first, second] = crews.workers
    first.begin(a.address)
    await crews.clock.advance(knownMs)
    // A report of the old server is on its way when the new one comes.
    first.begin(a.address)
    crews.serve([{ ...a, generation: 2 }])
    await crews.clock.advance(knownMs)
    expect([first.seenAt(a.address), second.seenAt(a.address)]).toEqual([0, 0])
    first.end()
    first.end()
    first.begin(a.address)
    await crews.clock.advance(knownMs)
    expect([first.seenAt(a.address), second.seenAt(a.address)]).toEqual([1, 1])
  })

  test('say to idle workers whether their ends are seen', async () => {
    const crews = new Crews(2, [a])
    const [first, second] = crews.workers
    first.begin(a.address)
    first.pools.endpointAt('10.0.0.1:8000')!.endsUnseen = true
    await crews.clock.advance(knownMs)
    expect(second.pools.endpointAt('10.0.0.1:8000')!.endsUnseen).toBe(true)
    first.end()
    first.begin(a.address)
    first.pools.endpointAt('10.0.0.1:8000')!.endsUnseen = false
    await crews.clock.advance(knownMs)
    expect(second.pools.endpointAt('10.0.0.1:8000')!.endsUnseen).toBe(false)
  })

  const servers = fc.subarray([a, { ...a, generation: 2 }, b, { ...b, generation: 2 }])
  const worker = fc.nat(2)
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('begin'), worker, at: fc.constantFrom(a, b) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('end'), worker, index: fc.nat(3) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.nat(60) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('serve'), servers }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('kill'), worker }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('join') }) },
  ) as fc.Arbitrary<Step>

  type Step =
    | { do: 'begin'; worker: number; at: typeof a }
    | { do: 'end'; worker: number; index: number }
    | { do: 'wait'; ms: number }
    | { do: 'serve'; servers: (typeof a)[] }
    | { do: 'kill'; worker: number }
    | { do: 'join' }

  async function run(crews: Crews, step: Step): Promise<void> {
    switch (step.do) {
      case 'begin':
        return crews.workers[step.worker % crews.workers.length]?.begin(step.at.address)
      case 'end':
        return crews.workers[step.worker % crews.workers.length]?.end(step.index)
      case 'wait':
        return crews.clock.advance(step.ms)
      case 'serve':
        return crews.serve(step.servers.toSorted((x, y) => x.address.localeCompare(y.address)))
      case 'kill': {
        const gone = crews.workers[step.worker % crews.workers.length]
        if (crews.workers.length > 1) crews.kill(gone)
        return
      }
      case 'join':
        if (crews.workers.length < 4) crews.join()
    }
  }

  test('are the same to all workers once they have been told, whatever has happened', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const crews = new Crews(3, [a, b])
        for (const step of steps) await run(crews, step)
        // What is on its way by now, a snapshot and the reports that follow it.
        await crews.clock.advance(2 * knownMs)
        for (const { address } of [a, b]) {
          if (crews.pools.endpointAt(`${address}:8000`) === undefined) continue
          const inFlight = crews.workers.reduce((sum, each) => sum + each.ownAt(address), 0)
          expect(crews.workers.map((each) => each.seenAt(address))).toEqual(crews.workers.map(() => inFlight))
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('what scrapes tell', () => {
  const metrics = { ...unknownMetrics, queued: 3, activeAdapters: new Set(['travel']), updatedAtMs: 0 }

  test('reaches each worker, with its age', async () => {
    const crews = new Crews(2, [a])
    const endpoint = crews.pools.endpointAt('10.0.0.1:8000')!
    endpoint.metrics = metrics
    await crews.clock.advance(40)
    crews.desk.scraped(endpoint)
    await crews.clock.advance(knownMs)
    for (const { pools } of crews.workers) {
      // Older by the way of the message, at most.
      const { updatedAtMs, ...rest } = pools.endpointAt('10.0.0.1:8000')!.metrics
      expect(rest).toEqual({ ...metrics, updatedAtMs: undefined })
      expect(updatedAtMs).toBeGreaterThanOrEqual(0)
      expect(updatedAtMs).toBeLessThanOrEqual(2)
    }
  })

  test('of an endpoint that nothing was ever scraped of is that: nothing, though it can not be reached', async () => {
    const crews = new Crews(1, [a])
    const endpoint = crews.pools.endpointAt('10.0.0.1:8000')!
    endpoint.isReachable = false
    crews.desk.scraped(endpoint)
    await crews.clock.advance(knownMs)
    expect(crews.workers[0].pools.endpointAt('10.0.0.1:8000')).toMatchObject({
      isReachable: false,
      metrics: { updatedAtMs: Number.NEGATIVE_INFINITY },
    })
  })

  test('is known to a worker that begins later', () => {
    const crews = new Crews(0, [a])
    crews.pools.endpointAt('10.0.0.1:8000')!.metrics = metrics
    expect(crews.join().pools.endpointAt('10.0.0.1:8000')!.metrics.queued).toBe(3)
  })
})

test('a pool that requests come for is told at once, so that its scrapes become frequent', async () => {
  const crews = new Crews(1, [a])
  crews.workers[0].begin(a.address)
  await crews.clock.advance(2)
  expect(crews.touched).toEqual([poolKey])
})

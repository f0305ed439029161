import { describe, expect, test } from 'vitest'
import { type BandOptions, defaultBandOptions, type UsageLimitOptions } from '../../src/admission/options.ts'
import { World } from './items.ts'

const roundRobin: BandOptions = {
  ...defaultBandOptions,
  fairness: { type: 'round-robin-fairness-policy', parameters: {} },
}

describe('admission', () => {
  test('at once while the pool has capacity and nothing waits', () => {
    const world = new World()
    const item = world.item('a')
    expect(world.offer(item)).toBe('admitted')
    expect(world.journal).toEqual([])
    expect(world.observed).toEqual(['a dispatched 0'])
    expect(world.controller.requests).toBe(0)
  })

  test('a full pool lets requests wait; one goes for each that ends', () => {
    const world = new World()
    expect(world.offer(world.item('a'))).toBe('admitted')
    expect(world.offer(world.item('b'))).toBe('waiting')
    expect(world.offer(world.item('c'))).toBe('waiting')
    expect(world.served(1)).toEqual(['b'])
    expect(world.served(1)).toEqual(['c'])
    expect(world.served(1)).toEqual([])
  })

  test('nobody overtakes those who wait, even when there is capacity', () => {
    const world = new World()
    world.fill(['a'])
    world.inFlight = 0
    expect(world.offer(world.item('b'))).toBe('waiting')
    world.controller.release()
    expect(world.journal).toEqual(['a admitted'])
  })

  test('but a higher priority does not stand behind a lower one', () => {
    const world = new World()
    world.fill(['low', { priority: -1 }])
    world.inFlight = 0
    expect(world.offer(world.item('high', { priority: 1 }))).toBe('admitted')
  })

  test('requests of a negative priority wait, too', () => {
    const world = new World()
    world.fill(['sheddable', { priority: -5 }])
    expect(world.served(1)).toEqual(['sheddable'])
  })
})

describe('priorities', () => {
  test('higher ones go first, whatever came first', () => {
    const world = new World()
    world.fill(['c', { priority: -1 }], ['b', {}], ['a', { priority: 10 }], ['b2', {}], ['a2', { priority: 10 }])
    expect(world.served(5)).toEqual(['a', 'a2', 'b', 'b2', 'c'])
  })

  test('a lower band with a lower ceiling waits while a higher one is let through', () => {
    const usageLimit: UsageLimitOptions = {
      type: 'priority-holdback-policy',
      parameters: { domain: 'explicit', ceilings: { '1': 1, '0': 0.5 } },
    }
    const world = new World({ usageLimit })
    world.capacity = 4
    expect(world.offer(world.item('low1'))).toBe('admitted')
    expect(world.offer(world.item('low2'))).toBe('admitted')
    expect(world.offer(world.item('low3'))).toBe('waiting')
    expect(world.offer(world.item('high1', { priority: 1 }))).toBe('admitted')
    expect(world.offer(world.item('high2', { priority: 1 }))).toBe('admitted')
    expect(world.offer(world.item('high3', { priority: 1 }))).toBe('waiting')
    expect(world.served(2)).toEqual(['high3'])
    expect(world.served(1)).toEqual([])
    expect(world.served(1)).toEqual(['low3'])
  })

  test('a configured band holds capacity back for itself while nothing of it is there', () => {
    const usageLimit: UsageLimitOptions = {
      type: 'priority-holdback-policy',
      parameters: { domain: 'rank', shape: 'linear', minCeiling: 0.5, maxCeiling: 1 },
    }
    const world = new World({ usageLimit, bands: [{ priority: 10, ...defaultBandOptions }] })
    world.capacity = 2
    world.clock.stall(600_000)
    expect(world.offer(world.item('a'))).toBe('admitted')
    expect(world.offer(world.item('b'))).toBe('waiting')
  })

  test('one that is not configured does so for ten minutes', () => {
    const usageLimit: UsageLimitOptions = {
      type: 'priority-holdback-policy',
      parameters: { domain: 'rank', shape: 'linear', minCeiling: 0.5, maxCeiling: 1 },
    }
    const world = new World({ usageLimit, defaultRequestTtlMs: 0 })
    world.capacity = 2
    world.inFlight = 1
    expect(world.offer(world.item('high', { priority: 10 }))).toBe('admitted')
    world.inFlight = 1
    world.clock.stall(599_999)
    expect(world.offer(world.item('a'))).toBe('waiting')
    world.clock.stall(1)
    world.inFlight = 0
    world.controller.release()
    expect(world.offer(world.item('b'))).toBe('admitted')
  })
})

describe('a saturation that comes from scrapes', () => {
  test('lets one request through for each call, not all at once', () => {
    const world = new World()
    world.scraped = 1
    world.fill(['a'], ['b'], ['c'])
    world.scraped = 0.9
    world.controller.release()
    expect(world.journal).toEqual(['a admitted'])
    world.controller.release()
    expect(world.journal).toEqual(['a admitted', 'b admitted'])
    world.scraped = 1
    world.controller.release()
    expect(world.journal).toHaveLength(2)
  })

  test('one that counts requests lets all through that fit', () => {
    const world = new World()
    world.fill(['a'], ['b'], ['c'], ['d'])
    world.capacity = 4
    world.controller.release()
    expect(world.journal).toEqual(['a admitted', 'b admitted', 'c admitted'])
  })

  test('is not even asked for when nothing waits', () => {
    const world = new World()
    world.controller.release()
    expect(world.saturationReads).toBe(0)
  })
})

describe('limits of what may wait', () => {
  const limited = { ...defaultBandOptions, maxRequests: 2, maxBytes: 100 }

  test.each([
    {
      what: 'requests of the band',
      options: { defaultBand: limited },
      waiting: [10, 10],
      bytes: 1,
      says: '2 requests of priority 0 are waiting already, as many as may',
    },
    {
      what: 'bytes of the band',
      options: { defaultBand: limited },
      waiting: [60],
      bytes: 41,
      says: 'requests of priority 0 with 60 bytes are waiting already, and 100 bytes may',
    },
    {
      what: 'requests of the pool',
      options: { maxRequests: 1 },
      waiting: [10],
      bytes: 1,
      says: '1 requests are waiting already, as many as may',
    },
    {
      what: 'bytes of the pool',
      options: { maxBytes: 100 },
      waiting: [60],
      bytes: 41,
      says: 'requests with 60 bytes are waiting already, and 100 bytes may',
    },
  ])('$what', ({ options, waiting, bytes, says }) => {
    const world = new World(options)
    world.fill(...waiting.map((size, i) => [`w${i}`, { bytes: size }] as const))
    const one = world.item('one', { bytes })
    expect(world.offer(one)).toBe('rejected-saturated')
    expect(one.rejection).toMatchObject({ status: 429, message: says })
    expect(world.journal).toEqual([])
    expect(world.observed.at(-1)).toBe('one rejected-saturated 0')
    // With one less, it may wait.
    world.served(1)
    expect(world.offer(world.item('again', { bytes }))).toBe('waiting')
  })

  test('what fits exactly may wait', () => {
    const world = new World({ defaultBand: limited })
    world.fill(['a', { bytes: 60 }])
    expect(world.offer(world.item('b', { bytes: 40 }))).toBe('waiting')
  })

  test('a full band leaves the others alone', () => {
    const world = new World({ bands: [{ priority: 0, ...limited }] })
    world.fill(['a'], ['b'])
    expect(world.offer(world.item('c', { priority: 1 }))).toBe('waiting')
    expect(world.offer(world.item('d', { priority: 0 }))).toBe('rejected-saturated')
  })

  test('while the pool has no endpoints it is them that are missing', () => {
    const world = new World({ maxRequests: 1 })
    world.hasEndpoints = false
    expect(world.offer(world.item('a'))).toBe('waiting')
    const one = world.item('one')
    expect(world.offer(one)).toBe('rejected-no-endpoints')
    expect(one.rejection?.status).toBe(503)
  })
})

const dayMs = 24 * 3_600_000

describe('time to live', () => {
  test('a request that waits too long gets 429', async () => {
    const world = new World({ defaultRequestTtlMs: 5_000 })
    const [item] = world.fill(['a'])
    await world.clock.advance(4_999)
    expect(world.journal).toEqual([])
    await world.clock.advance(1)
    expect(world.journal).toEqual(['a rejected-ttl-expired'])
    expect(item.rejection).toMatchObject({
      status: 429,
      message: 'no model server had capacity for this request within 5 s',
    })
    expect(world.observed).toEqual(['a enqueued', 'a rejected-ttl-expired 5000'])
    expect([world.controller.requests, world.controller.bytes]).toEqual([0, 0])
  })

  test('each its own, with one timer for all', async () => {
    const world = new World({ defaultRequestTtlMs: 5_000 })
    world.fill(['a'], ['b', { ttlMs: 1_000 }], ['c', { ttlMs: 9_000 }], ['d', { ttlMs: 0 }])
    expect(world.clock.pendingTimers).toBe(1)
    // One for the first, one more for the earlier end of the second.
    expect(world.clock.timersSet).toBe(2)
    await world.clock.advance(1_000)
    expect(world.journal).toEqual(['b rejected-ttl-expired'])
    await world.clock.advance(4_000)
    expect(world.journal.at(-1)).toBe('a rejected-ttl-expired')
    await world.clock.advance(4_000)
    expect(world.journal.at(-1)).toBe('c rejected-ttl-expired')
    await world.clock.advance(1e9)
    expect(world.served(1)).toEqual(['d'])
  })

  test('the others move up when a head of a flow runs out', async () => {
    const world = new World({
      defaultBand: { ...roundRobin, ordering: { type: 'edf-ordering-policy', parameters: {} } },
    })
    world.fill(['a', { ttlMs: 10 }], ['b', { ttlMs: 500 }], ['c', { ttlMs: 90 }])
    await world.clock.advance(10)
    expect(world.served(2)).toEqual(['c', 'b'])
  })

  test('a wait longer than timers go is cut into timers', async () => {
    const world = new World({ defaultRequestTtlMs: 60 * dayMs, noEndpointTtlMs: 0 })
    world.fill(['a'])
    let timers = 0
    for (let day = 0; day < 59; day += 1) {
      timers += world.clock.timersSet
      world.clock.timersSet = 0
      await world.clock.advance(dayMs)
    }
    expect(world.journal).toEqual([])
    expect(timers).toBe(3)
    await world.clock.advance(dayMs)
    expect(world.journal).toEqual(['a rejected-ttl-expired'])
  })

  test('no timer stays when nothing waits', () => {
    const world = new World()
    const [item] = world.fill(['a'])
    world.controller.cancel(item)
    expect(world.clock.pendingTimers).toBe(0)
    world.fill(['b'])
    world.served(1)
    expect(world.clock.pendingTimers).toBe(0)
  })
})

describe('a pool without endpoints', () => {
  test('is waited for, then 503', async () => {
    const world = new World({ defaultRequestTtlMs: 1_000, noEndpointTtlMs: 90_000 })
    world.hasEndpoints = false
    const item = world.item('a')
    expect(world.offer(item)).toBe('waiting')
    world.controller.release()
    await world.clock.advance(89_999)
    expect(world.journal).toEqual([])
    await world.clock.advance(1)
    expect(world.journal).toEqual(['a rejected-no-endpoints'])
    expect(item.rejection).toMatchObject({ status: 503, message: 'the pool got no model server within 90 s' })
  })

  test('the first endpoint lets them go', async () => {
    const world = new World({ defaultRequestTtlMs: 1_000, noEndpointTtlMs: 90_000 })
    world.hasEndpoints = false
    world.offer(world.item('a'))
    await world.clock.advance(60_000)
    world.hasEndpoints = true
    world.controller.release()
    expect(world.journal).toEqual(['a admitted'])
  })

  test('a shorter wait for endpoints than for capacity counts only while there are none', async () => {
    const world = new World({ defaultRequestTtlMs: 9_000, noEndpointTtlMs: 1_000 })
    world.fill(['busy'])
    await world.clock.advance(1_000)
    expect(world.journal).toEqual([])
    world.hasEndpoints = false
    world.offer(world.item('empty'))
    await world.clock.advance(1_000)
    expect(world.journal).toEqual(['empty rejected-no-endpoints'])
    await world.clock.advance(7_000)
    expect(world.journal.at(-1)).toBe('busy rejected-no-endpoints')
  })

  test('lets nothing through even where saturation would not stop it', () => {
    const usageLimit: UsageLimitOptions = { type: 'static-usage-limit-policy', parameters: { threshold: 2 } }
    const world = new World({ usageLimit })
    world.hasEndpoints = false
    expect(world.offer(world.item('a'))).toBe('waiting')
    world.controller.release()
    expect(world.journal).toEqual([])
  })
})

describe('a client that goes away', () => {
  test('is taken out, wherever its request stands, and not answered', () => {
    const world = new World()
    const [a, b, c, d] = world.fill(['a'], ['b'], ['c'], ['d'])
    world.clock.stall(250)
    for (const item of [c, a]) world.controller.cancel(item)
    expect(world.controller.requests).toBe(2)
    expect(world.observed.at(-1)).toBe('a rejected-context-cancelled 250')
    expect(world.served(3)).toEqual(['b', 'd'])
    expect(world.journal).toEqual(['b admitted', 'd admitted'])
    // Too late to cancel, and harmless.
    for (const item of [a, b, c, d]) world.controller.cancel(item)
    expect(world.observed.filter((line) => line.includes('cancelled'))).toHaveLength(2)
  })

  test('a flow whose head is cancelled stands where its next request does', () => {
    const world = new World()
    const [a] = world.fill(['a', { fairnessId: 'x' }], ['b', { fairnessId: 'y' }], ['c', { fairnessId: 'x' }])
    world.controller.cancel(a)
    expect(world.served(2)).toEqual(['b', 'c'])
  })

  test('a flow whose last request is cancelled is gone', () => {
    const world = new World({ defaultBand: roundRobin })
    const [, b] = world.fill(['a', { fairnessId: 'x' }], ['b', { fairnessId: 'y' }], ['c', { fairnessId: 'z' }])
    world.controller.cancel(b)
    expect([...world.controller.flows()].map(({ fairnessId }) => fairnessId)).toEqual(['x', 'z'])
    expect(world.served(2)).toEqual(['a', 'c'])
  })
})

describe('calls from within', () => {
  test('requests that fail as soon as they go do not build up a stack', () => {
    const world = new World({ defaultBand: { ...defaultBandOptions, maxRequests: undefined } })
    const count = 50_000
    world.inFlight = world.capacity
    for (let i = 0; i < count; i += 1) {
      const item = world.item(`${i}`)
      world.offer(item)
      item.whenAdmitted = () => world.controller.release()
    }
    world.inFlight = 0
    world.controller.release()
    expect(world.journal).toHaveLength(count)
    expect(world.journal.at(-1)).toBe(`${count - 1} admitted`)
  })

  test('a request that is let through may offer and cancel others', () => {
    const world = new World()
    const [a, b] = world.fill(['a'], ['b'], ['c'])
    a.whenAdmitted = () => {
      world.controller.cancel(b)
      expect(world.offer(world.item('d'))).toBe('waiting')
      world.controller.release()
    }
    world.inFlight = 0
    world.controller.release()
    expect(world.journal).toEqual(['a admitted', 'c admitted'])
    expect(world.served(1)).toEqual(['d'])
  })

  test('one that throws does not stop those that come later', () => {
    const world = new World()
    const [a] = world.fill(['a'], ['b'])
    a.whenAdmitted = () => {
      throw new Error('broken')
    }
    world.inFlight = 0
    expect(() => world.controller.release()).toThrow('broken')
    world.controller.release()
    expect(world.journal).toEqual(['a admitted', 'b admitted'])
  })
})

describe('shutting down', () => {
  test('rejects those who wait and those who come', () => {
    const world = new World({ defaultBand: roundRobin })
    const [a] = world.fill(['a'], ['b', { fairnessId: 'x' }], ['c', { priority: 5 }], ['d', { ttlMs: 0 }])
    world.controller.close()
    expect(world.journal.toSorted()).toEqual(['a', 'b', 'c', 'd'].map((name) => `${name} rejected-shutting-down`))
    expect(a.rejection).toMatchObject({ status: 503, retryAfterSeconds: 1 })
    world.inFlight = 0
    expect(world.offer(world.item('e'))).toBe('rejected-shutting-down')
    expect([world.controller.requests, world.controller.bytes, world.clock.pendingTimers]).toEqual([0, 0, 0])
    expect([...world.controller.flows()]).toEqual([])
  })
})

describe('when to come again', () => {
  test('counts those that never waited', async () => {
    const world = new World({ maxRequests: 50 })
    world.capacity = 600
    for (let i = 0; i < 600; i += 1) {
      await world.clock.advance(100)
      expect(world.offer(world.item('direct'))).toBe('admitted')
    }
    world.fill(...Array.from({ length: 50 }, (_, i) => [`${i}`] as const))
    const one = world.item('one')
    world.offer(one)
    expect(one.rejection?.retryAfterSeconds).toBe(5)
  })

  test('is told from the queue and from how fast it moves', async () => {
    const world = new World({ maxRequests: 50 })
    world.capacity = 10
    world.fill(...Array.from({ length: 50 }, (_, i) => [`${i}`] as const))
    // Ten a second, for a minute, each followed by a new one.
    for (let i = 0; i < 600; i += 1) {
      await world.clock.advance(100)
      world.end()
      expect(world.offer(world.item('next'))).toBe('waiting')
    }
    const one = world.item('one')
    world.offer(one)
    expect(one.rejection?.retryAfterSeconds).toBe(5)
    // A higher priority would have nothing ahead of it.
    const high = world.item('high', { priority: 1 })
    world.offer(high)
    expect(high.rejection?.retryAfterSeconds).toBe(1)
  })
})

test('what waits is told by priority and flow', () => {
  const world = new World({ defaultBand: roundRobin })
  world.fill(
    ['a', { fairnessId: 'x', bytes: 5 }],
    ['b', { fairnessId: 'y', bytes: 7 }],
    ['c', { fairnessId: 'x', bytes: 11 }],
    ['d', { fairnessId: 'x', bytes: 13, priority: 9 }],
  )
  const sizes = [...world.controller.flows()].map(
    ({ priority, fairnessId, requests, bytes }) => `${priority} ${fairnessId} ${requests} ${bytes}`,
  )
  expect(sizes).toEqual(['9 x 1 13', '0 x 2 16', '0 y 1 7'])
  expect([world.controller.requests, world.controller.bytes]).toEqual([4, 36])
})

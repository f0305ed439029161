import { beforeEach, describe, expect, it } from 'vitest'
import { type Endpoint, unknownMetrics } from '../../src/pool/endpoint.ts'
import { engineFinder, engineTypeLabel } from '../../src/pool/engines.ts'
import { Scraper, type ScraperLimits } from '../../src/pool/scraper.ts'
import { endpointAt } from './endpoint-at.ts'
import { ManualClock, settled } from './manual-clock.ts'

/** Model servers by address, as the scraper sees them. */
class Fleet {
  /** When each scrape of an address began. */
  readonly fetches = new Map<string, number[]>()
  readonly closed = new Set<string>()
  readonly down = new Set<string>()
  /** The error code of those that are down; undefined for one that answers nonsense. */
  downCode: string | undefined = 'ECONNREFUSED'
  page = 'vllm:num_requests_waiting 1\n'
  /** How long a server takes; undefined answers at once. */
  latencyMs: number | undefined
  mostAtOnce = 0
  #atOnce = new Map<string, number>()
  readonly #clock: ManualClock

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  readonly openSource = (address: string) => {
    this.fetches.set(address, [])
    return { fetch: () => this.#fetch(address), close: () => void this.closed.add(address) }
  }

  async #fetch(address: string): Promise<Buffer> {
    this.fetches.get(address)!.push(this.#clock.nowMs())
    const atOnce = (this.#atOnce.get(address) ?? 0) + 1
    this.#atOnce.set(address, atOnce)
    this.mostAtOnce = Math.max(this.mostAtOnce, atOnce)
    const { latencyMs } = this
    if (latencyMs !== undefined) await new Promise<void>((resolve) => this.#clock.after(latencyMs, resolve))
    this.#atOnce.set(address, atOnce - 1)
    if (this.down.has(address)) throw Object.assign(new Error(`${address} is down`), { code: this.downCode })
    return Buffer.from(this.page)
  }

  get total() {
    return [...this.fetches.values()].reduce((total, times) => total + times.length, 0)
  }
}

let clock: ManualClock
let fleet: Fleet
let log: string[]

beforeEach(() => {
  clock = new ManualClock()
  fleet = new Fleet(clock)
  log = []
})

function newScraper(limits: Partial<ScraperLimits> = {}) {
  return new Scraper({
    clock,
    openSource: fleet.openSource,
    engineOf: engineFinder(undefined, 'vllm', []),
    onUnreachable: (endpoint, cause) => log.push(`${endpoint.address} unreachable: ${cause.message}`),
    onReachable: (endpoint) => log.push(`${endpoint.address} is back`),
    limits,
  })
}

function endpoints(count: number): Endpoint[] {
  return Array.from({ length: count }, (_, i) => endpointAt(`10.0.0.${i}:8000`))
}

/** The scrapes of each second that follows, with a request for the pool every 100 ms if it is touched. */
async function scrapesPerSecond(scraper: Scraper, touched: string | undefined, seconds: number) {
  const counts: number[] = []
  for (let second = 0; second < seconds; second += 1) {
    const before = fleet.total
    for (let tick = 0; tick < 10; tick += 1) {
      if (touched !== undefined) scraper.touch(touched)
      await clock.advance(100)
    }
    counts.push(fleet.total - before)
  }
  return counts
}

function average(counts: number[]) {
  return counts.reduce((total, count) => total + count, 0) / counts.length
}

describe('a scrape', () => {
  it('replaces the metrics of the endpoint', async () => {
    const [a] = endpoints(1)
    newScraper().update(new Map([['default/p', [a]]]))
    await clock.advance(1_000)
    expect(a.metrics).toMatchObject({ queued: 1, updatedAtMs: fleet.fetches.get(a.address)![0] })
    const first = a.metrics
    fleet.page = 'vllm:num_requests_waiting 2\n'
    await clock.advance(1_000)
    expect(a.metrics.queued).toBe(2)
    expect(first.queued).toBe(1)
  })

  it('reads the page as the engine of the endpoint writes it', async () => {
    const sglang = endpointAt('10.0.0.1:8000', { [engineTypeLabel]: 'sglang' })
    fleet.page = 'sglang:num_queue_reqs 4\nvllm:num_requests_waiting 1\n'
    newScraper().update(new Map([['default/p', [sglang]]]))
    await clock.advance(1_000)
    expect(sglang.metrics.queued).toBe(4)
  })

  it('can be had of all endpoints before serving', async () => {
    const fleetOf250 = endpoints(250)
    fleet.down.add('10.0.0.7:8000')
    const scraper = newScraper()
    scraper.update(new Map([['default/p', fleetOf250]]))
    await scraper.scrapeOnce()
    expect(fleet.total).toBe(250)
    expect(clock.nowMs()).toBe(0)
    expect(fleetOf250.filter(({ metrics }) => metrics.queued === 1).length).toBe(249)
  })
})

describe('the interval', () => {
  it('is 50 ms while requests come, once a second after 5 s without one', async () => {
    const scraper = newScraper()
    scraper.update(new Map([['default/p', endpoints(1)]]))
    expect(await scrapesPerSecond(scraper, undefined, 3)).toEqual([1, 1, 1])
    expect(await scrapesPerSecond(scraper, 'default/p', 3)).toEqual([20, 20, 20])
    const quiet = await scrapesPerSecond(scraper, undefined, 8)
    expect(quiet.slice(0, 4)).toEqual([20, 20, 20, 20])
    expect(quiet.slice(5)).toEqual([1, 1, 1])
  })

  it('gets short at the first request, not at the end of the long one', async () => {
    const [a] = endpoints(1)
    const scraper = newScraper()
    scraper.update(new Map([['default/p', [a]]]))
    await clock.advance(3_100)
    scraper.touch('default/p')
    const touchedAtMs = clock.nowMs()
    await clock.advance(50)
    expect(fleet.fetches.get(a.address)!.at(-1)).toBeGreaterThanOrEqual(touchedAtMs)
  })

  it('is that of the pools with requests: others rest', async () => {
    const [busy, idle, both] = endpoints(3)
    const scraper = newScraper()
    scraper.update(
      new Map([
        ['default/busy', [busy, both]],
        ['default/idle', [idle, both]],
      ]),
    )
    await scrapesPerSecond(scraper, 'default/busy', 10)
    const count = (of: Endpoint) => fleet.fetches.get(of.address)!.length
    expect(count(busy)).toBeGreaterThan(195)
    expect(count(both)).toBeGreaterThan(195)
    expect(count(idle)).toBeLessThan(12)
  })

  it('of a touch for a pool that there is not is of no matter', () => {
    newScraper().touch('default/none')
    expect(clock.pendingTimers).toBe(0)
  })

  it('is spread: the scrapes of a fleet begin a few at a time', async () => {
    const scraper = newScraper()
    scraper.update(new Map([['default/p', endpoints(50)]]))
    scraper.touch('default/p')
    await clock.advance(50)
    expectSpread([...fleet.fetches.values()].map((times) => times[0]!))
  })

  it('stays spread after the process was busy, and makes up for nothing', async () => {
    const scraper = newScraper()
    scraper.update(new Map([['default/p', endpoints(50)]]))
    scraper.touch('default/p')
    await clock.advance(500)
    clock.stall(400)
    const before = fleet.total
    await clock.advance(50)
    expect(fleet.total - before).toBeLessThanOrEqual(100)
    await clock.advance(50)
    expectSpread([...fleet.fetches.values()].map((times) => times.at(-1)!))
  })

  /** Of 50 endpoints, about ten every 10 ms. */
  function expectSpread(beganAtMs: number[]) {
    const beats = new Map<number, number>()
    for (const atMs of beganAtMs) beats.set(Math.round(atMs), (beats.get(Math.round(atMs)) ?? 0) + 1)
    const times = [...beats.keys()].sort((a, b) => a - b)
    expect(times.slice(1).map((atMs, i) => atMs - times[i])).toEqual([10, 10, 10, 10])
    for (const scrapes of beats.values()) expect(Math.abs(scrapes - 10)).toBeLessThanOrEqual(1)
  }

  it('grows with the fleet, so that there are no more scrapes a second than allowed', async () => {
    const scraper = newScraper({ maxScrapesPerSecond: 200, maxIdleScrapesPerSecond: 100 })
    scraper.update(
      new Map([
        ['default/busy', endpoints(100)],
        ['default/idle', Array.from({ length: 400 }, (_, i) => endpointAt(`10.1.0.${i}:8000`))],
      ]),
    )
    expect(scraper.longestIntervalMs).toBe(5_000)
    const idle = await scrapesPerSecond(scraper, undefined, 12)
    expect(Math.max(...idle)).toBeLessThanOrEqual(110)
    expect(average(idle.slice(2))).toBeCloseTo(100, 0)
    const busy = await scrapesPerSecond(scraper, 'default/busy', 20)
    expect(scraper.longestIntervalMs).toBe(4_000)
    expect(Math.max(...busy)).toBeLessThanOrEqual(330)
    expect(average(busy.slice(8))).toBeCloseTo(300, -1)
    const [first] = fleet.fetches.values()
    expect(first!.at(-1)! - first!.at(-2)!).toBeCloseTo(500)
  })
})

describe('a slow server', () => {
  it('never has two scrapes at once, and is asked again at its next beat', async () => {
    fleet.latencyMs = 120
    const [a] = endpoints(1)
    const scraper = newScraper()
    scraper.update(new Map([['default/p', [a]]]))
    scraper.touch('default/p')
    await clock.advance(1_000)
    expect(fleet.mostAtOnce).toBe(1)
    const times = fleet.fetches.get(a.address)!
    expect(times[1]! - times[0]!).toBeCloseTo(150)
    expect(times.length).toBeGreaterThanOrEqual(6)
  })

  it('is waited for, not asked twice, by a scrape of all', async () => {
    fleet.latencyMs = 120
    const scraper = newScraper()
    scraper.update(new Map([['default/p', endpoints(1)]]))
    scraper.touch('default/p')
    await clock.advance(60)
    expect(fleet.total).toBe(1)
    let done = false
    const once = scraper.scrapeOnce().then(() => (done = true))
    await settled()
    expect(done).toBe(false)
    await clock.advance(110)
    await once
    expect(fleet.total).toBe(1)
  })
})

describe('an endpoint that fails', () => {
  async function failing(scraper: Scraper, seconds: number) {
    await scrapesPerSecond(scraper, 'default/p', seconds)
  }

  it('is told of once when it becomes unreachable and once when it is back', async () => {
    const [a, b] = endpoints(2)
    const scraper = newScraper()
    scraper.update(new Map([['default/p', [a, b]]]))
    await failing(scraper, 1)
    fleet.down.add(a.address)
    await failing(scraper, 3)
    expect(log).toEqual(['10.0.0.0:8000 unreachable: 10.0.0.0:8000 is down'])
    fleet.down.clear()
    await failing(scraper, 3)
    expect(log.slice(1)).toEqual(['10.0.0.0:8000 is back'])
  })

  it('keeps its last metrics, and has its failures counted', async () => {
    const [a, b] = endpoints(2)
    const scraper = newScraper()
    scraper.update(new Map([['default/p', [a, b]]]))
    await scraper.scrapeOnce()
    const last = a.metrics
    fleet.down.add(a.address)
    for (let i = 0; i < 4; i += 1) await scraper.scrapeOnce()
    expect(a.metrics).toBe(last)
    expect(scraper.statuses()).toEqual([
      { endpoint: a, reachable: false, failures: 4, lastFailure: '10.0.0.0:8000 is down' },
      { endpoint: b, reachable: true, failures: 0, lastFailure: undefined },
    ])
  })

  it('now and then is not unreachable', async () => {
    const [a] = endpoints(1)
    const scraper = newScraper()
    scraper.update(new Map([['default/p', [a]]]))
    for (let i = 0; i < 12; i += 1) {
      if (i % 3 === 2) fleet.down.clear()
      else fleet.down.add(a.address)
      await scraper.scrapeOnce()
    }
    expect(scraper.statuses()[0]).toMatchObject({ reachable: true, failures: 8 })
    expect(log).toEqual([])
  })

  it('is asked once a second, however many requests come', async () => {
    const [a] = endpoints(1)
    fleet.down.add(a.address)
    const scraper = newScraper()
    scraper.update(new Map([['default/p', [a]]]))
    await failing(scraper, 2)
    const before = fleet.total
    await failing(scraper, 5)
    expect(fleet.total - before).toBe(5)
  })

  it('counts with the idle ones: a busy fleet that is gone is asked no more often than they are', async () => {
    const fleetOf100 = endpoints(100)
    const scraper = newScraper({ maxScrapesPerSecond: 2_000, maxIdleScrapesPerSecond: 20 })
    scraper.update(new Map([['default/p', fleetOf100]]))
    for (const { address } of fleetOf100) fleet.down.add(address)
    await failing(scraper, 5)
    expect(log.length).toBe(100)
    expect(scraper.longestIntervalMs).toBe(5_000)
    expect(average(await scrapesPerSecond(scraper, 'default/p', 10))).toBe(20)
    fleet.down.clear()
    await failing(scraper, 10)
    expect(log.length).toBe(200)
    expect(scraper.longestIntervalMs).toBe(1_000)
    expect(average(await scrapesPerSecond(scraper, 'default/p', 2))).toBeCloseTo(2_000, -2)
  })

  it('includes one whose page has none of the metrics of its engine', async () => {
    fleet.page = '<html>up and well</html>'
    const scraper = newScraper()
    scraper.update(new Map([['default/p', endpoints(1)]]))
    await failing(scraper, 1)
    expect(log).toEqual(['10.0.0.0:8000 unreachable: a page without any metric of the engine'])
  })
})

describe('an update', () => {
  it('stops the scrapes of an endpoint that is gone, even the one under way', async () => {
    fleet.latencyMs = 100
    const [a, b] = endpoints(2)
    const scraper = newScraper()
    scraper.update(new Map([['default/p', [a, b]]]))
    scraper.touch('default/p')
    await clock.advance(60)
    scraper.update(new Map([['default/p', [b]]]))
    expect([...fleet.closed]).toEqual([a.address])
    await clock.advance(5_000)
    expect(fleet.fetches.get(a.address)!.length).toBe(1)
    expect(a.metrics).toBe(unknownMetrics)
    expect(b.metrics.queued).toBe(1)
    expect(log).toEqual([])
    expect(scraper.statuses().map(({ endpoint }) => endpoint)).toEqual([b])
  })

  it('keeps the beat of an endpoint that stays, and begins with a new one within an interval', async () => {
    const [a, b] = endpoints(2)
    const scraper = newScraper()
    scraper.update(new Map([['default/p', [a]]]))
    await clock.advance(2_500)
    const first = fleet.fetches.get(a.address)!
    scraper.update(new Map([['default/p', [a, b]]]))
    await clock.advance(1_000)
    expect(fleet.fetches.get(b.address)!.length).toBe(1)
    expect(fleet.fetches.get(a.address)).toBe(first)
    expect(first.map((atMs) => Math.round(atMs - first[0]!))).toEqual([0, 1_000, 2_000])
  })

  it('takes another server at the same address as another endpoint', async () => {
    const before = endpointAt('10.0.0.1:8000')
    const after = endpointAt('10.0.0.1:8000')
    const scraper = newScraper()
    scraper.update(new Map([['default/p', [before]]]))
    scraper.update(new Map([['default/p', [after]]]))
    await clock.advance(1_000)
    expect(before.metrics).toBe(unknownMetrics)
    expect(after.metrics.queued).toBe(1)
  })

  it('lets a pool be as busy as it was', async () => {
    const [a, b] = endpoints(2)
    const scraper = newScraper()
    scraper.update(new Map([['default/p', [a]]]))
    scraper.touch('default/p')
    await clock.advance(1_000)
    scraper.update(new Map([['default/p', [a, b]]]))
    await clock.advance(1_000)
    expect(fleet.fetches.get(b.address)!.length).toBe(20)
  })
})

it('leaves nothing behind when it is closed', async () => {
  const scraper = newScraper()
  scraper.update(new Map([['default/p', endpoints(3)]]))
  scraper.touch('default/p')
  await clock.advance(500)
  scraper.close()
  expect(fleet.closed.size).toBe(3)
  expect(clock.pendingTimers).toBe(0)
  expect(scraper.statuses()).toEqual([])
})

describe('an endpoint counts as not reachable', () => {
  it('when three scrapes in a row found nobody there, until one finds it again', async () => {
    const [a] = endpoints(1)
    fleet.down.add(a.address)
    newScraper().update(new Map([['default/p', [a]]]))
    await clock.advance(2_000)
    expect(a.isReachable).toBe(true)
    await clock.advance(1_000)
    expect(a.isReachable).toBe(false)
    fleet.down.delete(a.address)
    await clock.advance(1_000)
    expect(a.isReachable).toBe(true)
  })

  it('but not when it answers wrongly or late', async () => {
    const [a] = endpoints(1)
    fleet.down.add(a.address)
    fleet.downCode = undefined
    newScraper().update(new Map([['default/p', [a]]]))
    await clock.advance(5_000)
    expect(a.isReachable).toBe(true)
  })
})

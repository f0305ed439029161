import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { emptyCatalog, type Pool } from '../../src/catalog/catalog.ts'
import type { Endpoint, EndpointSpec } from '../../src/pool/endpoint.ts'
import { engineFinder } from '../../src/pool/engines.ts'
import { LivePools } from '../../src/pool/live-pools.ts'
import { Scraper, scraperLimits } from '../../src/pool/scraper.ts'
import { endpointAt } from './endpoint-at.ts'
import { ManualClock } from './manual-clock.ts'

/** Pools that share servers, and one that has changed its ports. */
const pools = [
  poolOf('all', [], [8000]),
  poolOf('a', [['app', 'a']], [8000]),
  poolOf('a', [['app', 'a']], [8001, 8000]),
  poolOf('b', [['app', 'b']], [8000]),
]

function poolOf(name: string, selector: Pool['selector'], targetPorts: Pool['targetPorts']): Pool {
  return { key: `default/${name}`, namespace: 'default', name, selector, targetPorts, appProtocol: 'http' }
}

/** Servers of which some follow another at its address. */
const servers: readonly EndpointSpec[] = ['a', 'b'].flatMap((app) =>
  [1, 2, 3].flatMap((host) =>
    ['old', 'new'].map((name) => ({
      name: `${name}-${app}-${host}`,
      namespace: 'default',
      address: `10.0.0.${host}`,
      port: undefined,
      labels: { app },
    })),
  ),
)

/** In each step one pool or server comes, or goes if it was there. */
const steps = fc.array(fc.constantFrom(...pools, ...servers), { minLength: 3, maxLength: 24 })

describe('pools of which nothing has changed', () => {
  it('are what they would be if all were looked into again', () => {
    fc.assert(
      fc.property(steps, (steps) => {
        const there = new Set<Pool | EndpointSpec>([pools[3], servers[6]])
        const live = new LivePools()
        const again = new LivePools()
        const [born, bornAgain] = [new Map<Endpoint, number>(), new Map<Endpoint, number>()]
        for (const [step, changed] of steps.entries()) {
          if (!there.delete(changed)) there.add(changed)
          const [its, specs] = [pools.filter((each) => there.has(each)), servers.filter((each) => there.has(each))]
          live.update(catalogOf(its), specs)
          again.update(catalogOf(its.map((pool) => ({ ...pool }))), structuredClone(specs))
          expect(tell(live, born, step)).toEqual(tell(again, bornAgain, step))
          expect(live.size).toBe(again.size)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('keep their array, while a server of another pool comes', () => {
    const live = new LivePools()
    const [ofA, ofB, more] = [servers[0], servers[8], servers[10]]
    live.update(catalogOf([pools[1], pools[3]]), [ofA, ofB])
    const before = live.endpointsOf('default/a')
    live.update(catalogOf([pools[1], pools[3]]), [more, ofA, ofB])
    expect(live.endpointsOf('default/a')).toBe(before)
    expect(live.endpointsOf('default/b')).toHaveLength(2)
  })

  it('are scraped as if all were looked into again', async () => {
    const endpoints = Array.from({ length: 6 }, (_, i) => endpointAt(`10.0.0.${i}:8000`))
    const lists = [endpoints.slice(0, 3), endpoints.slice(2, 5), endpoints, [], endpoints.slice(5)]
    const change = fc.record({
      members: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(...lists)),
      touched: fc.constantFrom('a', 'b', 'c', 'none'),
      failing: fc.subarray(endpoints.map(({ address }) => address)),
      thenMs: fc.constantFrom(0, 60, 1_100, 6_500),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
        const [one, other] = [new Scraped(), new Scraped()]
        const touchedAtMs = new Map<string, number>()
        for (const { members, touched, failing, thenMs } of changes) {
          one.scraper.update(new Map(Object.entries(members)))
          other.scraper.update(new Map(Object.entries(members).map(([key, list]) => [key, [...list]])))
          for (const each of [one, other]) {
            each.failing = failing
            each.scraper.touch(touched)
            if (touched in members) touchedAtMs.set(touched, each.clock.nowMs())
            for (const key of touchedAtMs.keys()) if (!(key in members)) touchedAtMs.delete(key)
            await each.clock.advance(thenMs)
          }
          expect(one.fetches).toEqual(other.fetches)
          const nowMs = one.clock.nowMs()
          const busy = Object.keys(members).filter(
            (key) => nowMs - (touchedAtMs.get(key) ?? Number.NEGATIVE_INFINITY) < idleAfterMs,
          )
          const all = one.scraper.statuses()
          expect(new Set(all.map(({ endpoint }) => endpoint))).toEqual(new Set(Object.values(members).flat()))
          const quick = all.filter(
            ({ endpoint, reachable }) => reachable && busy.some((key) => members[key].includes(endpoint)),
          )
          expect(one.scraper.longestIntervalMs).toBe(
            Math.max(50, quick.length * quickMs, 1_000, (all.length - quick.length) * idleMs),
          )
        }
      }),
      { numRuns: 60 },
    )
  })
})

const { idleAfterMs } = scraperLimits
/** Of each endpoint of a busy pool, and of each other one: so few scrapes are allowed that every one of them shows. */
const [quickMs, idleMs] = [1_600, 900]

const catalogOf = (its: readonly Pool[]) => ({ ...emptyCatalog, pools: new Map(its.map((pool) => [pool.key, pool])) })

/** All that can be seen of the endpoints, and since when each is the same object. */
function tell(live: LivePools, born: Map<Endpoint, number>, step: number) {
  return Array.from(live.members, ([key, endpoints]) => [
    key,
    endpoints.map((endpoint) => {
      if (!born.has(endpoint)) born.set(endpoint, step)
      expect(live.endpointAt(endpoint.address)).toBe(endpoint)
      return { ...endpoint, since: born.get(endpoint) }
    }),
  ])
}

/** A scraper and what it has fetched when. */
class Scraped {
  readonly clock = new ManualClock()
  readonly fetches: string[] = []
  failing: readonly string[] = []
  readonly scraper = new Scraper({
    clock: this.clock,
    openSource: (address) => ({
      fetch: async () => {
        this.fetches.push(`${address} at ${this.clock.nowMs()}`)
        if (this.failing.includes(address)) throw new Error('down')
        return Buffer.from('vllm:num_requests_waiting 1\n')
      },
      close: () => this.fetches.push(`${address} closed`),
    }),
    engineOf: engineFinder(undefined, 'vllm', []),
    onUnreachable: () => {},
    onReachable: () => {},
    limits: { maxScrapesPerSecond: 1_000 / quickMs, maxIdleScrapesPerSecond: 1_000 / idleMs },
  })
}

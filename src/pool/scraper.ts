import type { Clock } from '../clock.ts'
import type { Endpoint } from './endpoint.ts'
import type { Engine } from './engines.ts'
import { readMetricsPage } from './metrics-page.ts'
import type { MetricsSource } from './metrics-source.ts'
import { nextBeatMs, phaseOf, type Rhythm, rhythm } from './rhythm.ts'

export type ScraperOptions = {
  readonly clock: Clock
  readonly openSource: (address: string) => MetricsSource
  /** How the metrics of an endpoint with these labels are to be read. */
  readonly engineOf: (labels: Endpoint['labels']) => Engine
  /** Called once when scrapes of an endpoint have begun to fail ({@link ScraperLimits.failuresUntilUnreachable}). */
  readonly onUnreachable: (endpoint: Endpoint, cause: Error) => void
  /** Called once when an endpoint that was unreachable has given a page again. */
  readonly onReachable: (endpoint: Endpoint) => void
  /** Called for each pool of an endpoint that has given a page. */
  readonly onScraped?: (poolKey: string) => void
  /** Called when a scrape has told something of an endpoint: new metrics, or whether its address can be reached. */
  readonly onNews?: (endpoint: Endpoint) => void
  readonly limits?: Partial<ScraperLimits>
}

export type ScraperLimits = {
  /** Between two scrapes of an endpoint while requests come for its pools. */
  readonly refreshIntervalMs: number
  /** The same while none come, and for an unreachable endpoint. */
  readonly idleIntervalMs: number
  /** A pool without a request for so long is idle. */
  readonly idleAfterMs: number
  /** Of the endpoints of busy pools; more of them than this allows are scraped at longer intervals. */
  readonly maxScrapesPerSecond: number
  /** The same for all other endpoints. */
  readonly maxIdleScrapesPerSecond: number
  /** Scrapes that begin together: some, as waking up for each costs more than the scrape; few, as requests wait. */
  readonly scrapesPerBeat: number
  /** Scrapes at once in {@link Scraper.scrapeOnce}. */
  readonly maxScrapesAtOnce: number
  /** Failures in a row; one alone may be a connection that the server closed while it was idle. */
  readonly failuresUntilUnreachable: number
}

export const scraperLimits: ScraperLimits = {
  refreshIntervalMs: 50,
  idleIntervalMs: 1_000,
  idleAfterMs: 5_000,
  maxScrapesPerSecond: 1_000,
  maxIdleScrapesPerSecond: 200,
  scrapesPerBeat: 10,
  maxScrapesAtOnce: 100,
  failuresUntilUnreachable: 3,
}

export type ScrapeStatus = {
  readonly endpoint: Endpoint
  readonly reachable: boolean
  /** Since the endpoint was first seen. */
  readonly failures: number
  /** Why the last failed scrape failed. */
  readonly lastFailure: string | undefined
}

type PoolActivity = {
  readonly key: string
  active: boolean
  touchedAtMs: number
  /** As the last update gave them. */
  endpoints: readonly Endpoint[]
  targets: readonly Target[]
  cancelTimer: () => void
}

type Target = {
  readonly endpoint: Endpoint
  readonly source: MetricsSource
  /** Which of the beats is its own, 0 to 1. */
  readonly phase: number
  pools: PoolActivity[]
  /** When its last scrape began. */
  beganAtMs: number
  cancelTimer: () => void
  underWay: Promise<void> | undefined
  gone: boolean
  reachable: boolean
  /** It is one of {@link Scraper.#quickTargets}. */
  isCountedQuick: boolean
  failures: number
  failuresInRow: number
  lastFailure: string | undefined
}

/** Keeps the metrics of endpoints fresh, and costs little while nobody asks for them. */
export class Scraper {
  readonly #options: ScraperOptions
  readonly #clock: Clock
  readonly #limits: ScraperLimits
  readonly #pools = new Map<string, PoolActivity>()
  readonly #targets = new Map<Endpoint, Target>()
  /** Endpoints of busy pools, but for the unreachable ones. */
  #quickTargets = 0
  #opened = 0

  constructor(options: ScraperOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#limits = { ...scraperLimits, ...options.limits }
  }

  /**
   * Scrapes the endpoints of these pools, by pool key, from now on. An endpoint that is in no pool any more is left at
   * once: a page that still comes is not read. A pool whose array is the same as before has not changed, and costs nothing.
   */
  update(pools: ReadonlyMap<string, readonly Endpoint[]>): void {
    const touched = new Set<Target>()
    for (const [key, pool] of this.#pools) {
      if (pools.get(key) === pool.endpoints) continue
      for (const target of pool.targets) {
        target.pools = target.pools.filter((other) => other !== pool)
        touched.add(target)
      }
      if (pools.has(key)) continue
      pool.cancelTimer()
      this.#pools.delete(key)
    }
    const added: Target[] = []
    for (const [key, endpoints] of pools) {
      const pool = this.#pools.get(key) ?? idlePool(key)
      this.#pools.set(key, pool)
      if (pool.endpoints === endpoints) continue
      pool.endpoints = endpoints
      pool.targets = endpoints.map((endpoint) => {
        let target = this.#targets.get(endpoint)
        if (target === undefined) {
          target = this.#open(endpoint)
          added.push(target)
        }
        target.pools.push(pool)
        touched.add(target)
        return target
      })
    }
    for (const target of touched) {
      if (target.pools.length === 0) this.#leave(target)
      this.#countQuick(target)
    }
    for (const target of added) this.#plan(target)
  }

  /** Says that a request came for this pool. Cheap: for every pick. */
  touch(poolKey: string): void {
    const pool = this.#pools.get(poolKey)
    if (pool === undefined) return
    pool.touchedAtMs = this.#clock.nowMs()
    if (pool.active) return
    pool.active = true
    // Not at once: the first request shall not wait while a thousand timers are set.
    pool.cancelTimer = this.#clock.after(0, () => this.#wake(pool))
  }

  /**
   * Scrapes every endpoint once, now, and waits until all have answered or failed; so the first picks have data.
   * Never fails. Takes up to the timeout of a scrape for each {@link ScraperLimits.maxScrapesAtOnce} endpoints.
   */
  async scrapeOnce(): Promise<void> {
    const targets = this.#targets.values()
    const lane = async () => {
      for (const target of targets) await this.#scrape(target)
    }
    await Promise.all(Array.from({ length: this.#limits.maxScrapesAtOnce }, lane))
  }

  /** Between two scrapes of any endpoint at most, if its server answers: longer than configured for a large fleet. */
  get longestIntervalMs(): number {
    return Math.max(this.#busyRhythm.intervalMs, this.#idleRhythm.intervalMs)
  }

  get #busyRhythm(): Rhythm {
    const { refreshIntervalMs, maxScrapesPerSecond, scrapesPerBeat } = this.#limits
    return rhythm(this.#quickTargets, refreshIntervalMs, maxScrapesPerSecond, scrapesPerBeat)
  }

  get #idleRhythm(): Rhythm {
    const { idleIntervalMs, maxIdleScrapesPerSecond, scrapesPerBeat } = this.#limits
    return rhythm(this.#targets.size - this.#quickTargets, idleIntervalMs, maxIdleScrapesPerSecond, scrapesPerBeat)
  }

  statuses(): ScrapeStatus[] {
    return Array.from(this.#targets.values(), ({ endpoint, reachable, failures, lastFailure }) => {
      return { endpoint, reachable, failures, lastFailure }
    })
  }

  /** Stops all scraping and closes the connections. */
  close(): void {
    this.update(new Map())
  }

  #open(endpoint: Endpoint): Target {
    const target: Target = {
      endpoint,
      source: this.#options.openSource(endpoint.address),
      phase: phaseOf(this.#opened++),
      pools: [],
      beganAtMs: Number.NEGATIVE_INFINITY,
      cancelTimer: () => {},
      underWay: undefined,
      gone: false,
      reachable: true,
      isCountedQuick: false,
      failures: 0,
      failuresInRow: 0,
      lastFailure: undefined,
    }
    this.#targets.set(endpoint, target)
    return target
  }

  #leave(target: Target): void {
    target.gone = true
    target.cancelTimer()
    target.source.close()
    this.#targets.delete(target.endpoint)
  }

  #wake(pool: PoolActivity): void {
    for (const target of pool.targets) this.#countQuick(target)
    this.#restAfterQuiet(pool, this.#limits.idleAfterMs)
    for (const target of pool.targets) {
      if (target.underWay === undefined && target.reachable) this.#plan(target)
    }
  }

  #restAfterQuiet(pool: PoolActivity, delayMs: number): void {
    pool.cancelTimer = this.#clock.after(delayMs, () => {
      const quietMs = this.#clock.nowMs() - pool.touchedAtMs
      if (quietMs < this.#limits.idleAfterMs) return this.#restAfterQuiet(pool, this.#limits.idleAfterMs - quietMs)
      pool.active = false
      for (const target of pool.targets) this.#countQuick(target)
    })
  }

  /** To be called when a target may have become quick, or may be it no more. */
  #countQuick(target: Target): void {
    const counts = isQuick(target)
    if (counts === target.isCountedQuick) return
    target.isCountedQuick = counts
    this.#quickTargets += counts ? 1 : -1
  }

  #plan(target: Target): void {
    const nowMs = this.#clock.nowMs()
    const pace = isQuick(target) ? this.#busyRhythm : this.#idleRhythm
    // A beat right after a scrape may be the one that the scrape ran for, by a timer that was a little early.
    const sinceMs = Math.max(nowMs, target.beganAtMs + pace.intervalMs / 2)
    const delayMs = nextBeatMs(pace, target.phase, sinceMs) - nowMs
    target.cancelTimer()
    target.cancelTimer = this.#clock.after(delayMs, () => this.#scrape(target))
  }

  /** Never two at once: a scrape that is under way is waited for. */
  #scrape(target: Target): Promise<void> {
    target.underWay ??= this.#fetchInto(target)
    return target.underWay
  }

  async #fetchInto(target: Target): Promise<void> {
    target.beganAtMs = this.#clock.nowMs()
    try {
      const page = await target.source.fetch()
      if (target.gone) return
      this.#take(target, page)
    } catch (cause) {
      if (target.gone) return
      this.#countFailure(target, cause as Error)
    }
    target.underWay = undefined
    this.#plan(target)
  }

  #take(target: Target, page: Buffer): void {
    const { endpoint } = target
    const metrics = readMetricsPage(
      page,
      this.#options.engineOf(endpoint.labels),
      endpoint.metrics,
      this.#clock.nowMs(),
    )
    if (metrics === endpoint.metrics) throw new Error('a page without any metric of the engine')
    endpoint.metrics = metrics
    target.failuresInRow = 0
    endpoint.isReachable = true
    if (!target.reachable) {
      target.reachable = true
      this.#countQuick(target)
      this.#options.onReachable(endpoint)
    }
    const { onScraped, onNews } = this.#options
    onNews?.(endpoint)
    if (onScraped !== undefined) for (const pool of target.pools) onScraped(pool.key)
  }

  #countFailure(target: Target, cause: Error): void {
    target.failures += 1
    target.failuresInRow += 1
    target.lastFailure = cause.message
    const isLasting = target.failuresInRow >= this.#limits.failuresUntilUnreachable
    // A server that answers, however wrongly or late, may well serve requests.
    const isReachable = !(isLasting && isRefusal(cause))
    if (isReachable !== target.endpoint.isReachable) {
      target.endpoint.isReachable = isReachable
      this.#options.onNews?.(target.endpoint)
    }
    if (!target.reachable || !isLasting) return
    target.reachable = false
    this.#countQuick(target)
    this.#options.onUnreachable(target.endpoint, cause)
  }
}

const idlePool = (key: string): PoolActivity => {
  return { key, active: false, touchedAtMs: 0, endpoints: [], targets: [], cancelTimer: () => {} }
}

const refusals = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'])

/** Nobody listens at the address, or no way leads there. */
function isRefusal(cause: NodeJS.ErrnoException): boolean {
  return cause.code !== undefined && refusals.has(cause.code)
}

function isQuick(target: Target): boolean {
  return target.reachable && target.pools.some((pool) => pool.active)
}

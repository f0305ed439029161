import type { Clock } from '../clock.ts'
import type { PoolActivity } from '../conversing.ts'
import type { LivePools } from '../pool/live-pools.ts'
import type { Plugin } from '../scheduling/plugin.ts'
import { Teaching } from './lessons.ts'
import { reportIntervalMs } from './limits.ts'
import type { EndpointNews, ScrapeNews, WorkerReport } from './messages.ts'
import { Pace } from './pace.ts'
import { WorkerLoad } from './worker-load.ts'

/** What a worker tells of its requests, and what it takes in of scrapes and of the others' requests. */
export class Reports implements PoolActivity {
  readonly #pools: LivePools
  readonly #clock: Clock
  readonly #send: (report: WorkerReport) => void
  readonly #load: WorkerLoad
  readonly #teaching: Teaching
  readonly #pace: Pace
  readonly #touched = new Set<string>()
  /** The pools have changed since the last report. */
  #hasNewPools = false

  /** @param plugins of the configuration, in its order */
  constructor(pools: LivePools, plugins: readonly Plugin[], clock: Clock, send: (report: WorkerReport) => void) {
    this.#pools = pools
    this.#clock = clock
    this.#send = send
    this.#load = new WorkerLoad(pools)
    this.#pace = new Pace(clock, reportIntervalMs, () => this.#report())
    this.#teaching = new Teaching(plugins, () => this.#pace.ask())
  }

  touched(poolKey: string): void {
    this.#touched.add(poolKey)
    this.released(poolKey)
  }

  released(poolKey: string): void {
    this.#load.changed(poolKey)
    this.#pace.ask()
  }

  /** The pools have taken a snapshot: what was told of endpoints that have gone, or are others now, counts no more. */
  poolsChanged(): void {
    this.#hasNewPools = true
    this.#pace.ask()
  }

  take({ scrapes, loads, lessons }: EndpointNews): void {
    for (const scrape of scrapes) this.#takeScrape(scrape)
    for (const load of loads) this.#load.take(load)
    this.#teaching.learn(lessons, (address) => this.#pools.endpointAt(address))
  }

  #takeScrape({ address, isReachable, metrics, ageMs }: ScrapeNews): void {
    const endpoint = this.#pools.endpointAt(address)
    if (endpoint === undefined) return
    endpoint.isReachable = isReachable
    endpoint.metrics = { ...metrics, updatedAtMs: this.#clock.nowMs() - ageMs }
  }

  #report(): void {
    const isWhole = this.#hasNewPools
    const loads = isWhole ? this.#load.whole() : this.#load.changes()
    const touched = [...this.#touched]
    const lessons = this.#teaching.take()
    this.#hasNewPools = false
    this.#touched.clear()
    if (isWhole || loads.length + touched.length + lessons.length > 0) this.#send({ touched, loads, isWhole, lessons })
    if (this.#load.isBusy) this.#pace.ask()
  }
}

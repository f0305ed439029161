import type { Clock } from '../clock.ts'
import type { Endpoint } from '../pool/endpoint.ts'
import type { LivePools } from '../pool/live-pools.ts'
import { newsIntervalMs } from './limits.ts'
import { LoadTotals } from './load-totals.ts'
import type { EndpointNews, Lessons, LoadOf, ScrapeNews, WorkerReport } from './messages.ts'
import { Pace } from './pace.ts'

export type NewsDeskOptions<Worker> = {
  readonly clock: Clock
  readonly pools: LivePools
  longestIntervalMs(): number
  send(worker: Worker, news: EndpointNews): void
}

/** What a worker has not been told yet. */
type Untold = { readonly addresses: Set<string>; lessons: Lessons[] }

/** Gathers what scrapes and workers tell of endpoints, and hands each worker what is new to it. */
export class NewsDesk<Worker> {
  readonly #options: NewsDeskOptions<Worker>
  readonly #totals = new LoadTotals<Worker>()
  readonly #untold = new Map<Worker, Untold>()
  readonly #scraped = new Set<Endpoint>()
  readonly #pace: Pace

  constructor(options: NewsDeskOptions<Worker>) {
    this.#options = options
    this.#pace = new Pace(options.clock, newsIntervalMs, () => this.#tell())
  }

  /** A worker begins: returns all that there is. From now on it is told what changes. */
  join(worker: Worker): EndpointNews {
    this.#untold.set(worker, { addresses: new Set(), lessons: [] })
    const endpoints = new Set([...this.#options.pools.members.values()].flat())
    return {
      scrapes: this.#scrapesOf(endpoints),
      loads: this.#loadsFor(worker, this.#totals.addresses),
      longestIntervalMs: this.#options.longestIntervalMs(),
      lessons: [],
    }
  }

  /** A worker has ended, and its requests with it. */
  leave(worker: Worker): void {
    this.#untold.delete(worker)
    this.#changed(this.#totals.forget(worker))
  }

  /** There is news of an endpoint from its scrapes. */
  scraped(endpoint: Endpoint): void {
    this.#scraped.add(endpoint)
    this.#pace.ask()
  }

  reported(worker: Worker, { loads, isWhole, lessons }: Pick<WorkerReport, 'loads' | 'isWhole' | 'lessons'>): void {
    this.#changed(this.#totals.report(worker, loads, isWhole), worker)
    if (lessons.length === 0) return
    for (const [other, untold] of this.#untold) if (other !== worker) untold.lessons.push(...lessons)
    this.#pace.ask()
  }

  close(): void {
    this.#pace.stop()
  }

  #changed(addresses: ReadonlySet<string>, by?: Worker): void {
    if (addresses.size === 0) return
    for (const address of addresses) {
      const endpoint = this.#options.pools.endpointAt(address)
      if (endpoint !== undefined) endpoint.inFlight = this.#totals.at(address).requests
    }
    for (const [worker, untold] of this.#untold) {
      if (worker !== by) for (const address of addresses) untold.addresses.add(address)
    }
    this.#pace.ask()
  }

  #tell(): void {
    const { pools } = this.#options
    // Workers know endpoints by their addresses, where another server may be by now.
    const scrapes = this.#scrapesOf(
      [...this.#scraped].filter((endpoint) => pools.endpointAt(endpoint.address) === endpoint),
    )
    this.#scraped.clear()
    const longestIntervalMs = this.#options.longestIntervalMs()
    for (const [worker, untold] of this.#untold) {
      const { addresses, lessons } = untold
      if (scrapes.length + addresses.size + lessons.length === 0) continue
      const loads = this.#loadsFor(worker, addresses)
      addresses.clear()
      untold.lessons = []
      this.#options.send(worker, { scrapes, loads, longestIntervalMs, lessons })
    }
  }

  #loadsFor(worker: Worker, addresses: ReadonlySet<string>): LoadOf[] {
    return Array.from(addresses, (address) => [address, this.#totals.othersAt(address, worker)] as const)
  }

  #scrapesOf(endpoints: Iterable<Endpoint>): ScrapeNews[] {
    const nowMs = this.#options.clock.nowMs()
    return Array.from(endpoints, ({ address, isReachable, metrics }) => {
      return { address, isReachable, metrics, ageMs: nowMs - metrics.updatedAtMs }
    })
  }
}

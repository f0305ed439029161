import { type Catalog, emptyCatalog } from '../../src/catalog/catalog.ts'
import type { Endpoint, EndpointSpec } from '../../src/pool/endpoint.ts'
import { LivePools } from '../../src/pool/live-pools.ts'
import type { Plugin } from '../../src/scheduling/plugin.ts'
import { NewsDesk } from '../../src/workers/news-desk.ts'
import { Reports } from '../../src/workers/reports.ts'
import { ManualClock } from '../pool/manual-clock.ts'

export const poolKey = 'default/pool'

const pool = {
  key: poolKey,
  namespace: 'default',
  name: 'pool',
  selector: [],
  targetPorts: [8000],
  appProtocol: 'http',
} as const
const catalog: Catalog = { ...emptyCatalog, pools: new Map([[poolKey, pool]]) }

/** A server of the pool; another `generation` is another server at the same address. */
export type Server = { readonly address: string; readonly generation: number }

const specOf = ({ address, generation }: Server): EndpointSpec => ({
  name: `${address} ${generation}`,
  namespace: 'default',
  address,
  port: 8000,
  labels: {},
})

/** Milliseconds that a message is on its way. */
const wayMs = 2

/** One of the workers of {@link Crews}, without a server: its requests are those that a test begins. */
export class FakeWorker {
  readonly pools = new LivePools()
  readonly reports: Reports
  /** The requests that are in flight from here. */
  readonly flights: { readonly endpoint: Endpoint; end(): void }[] = []
  isGone = false

  constructor(clock: ManualClock, plugins: readonly Plugin[], send: ConstructorParameters<typeof Reports>[3]) {
    this.reports = new Reports(this.pools, plugins, clock, send)
  }

  /** In flight at the address, as this worker sees it. */
  seenAt(address: string): number | undefined {
    return this.pools.endpointAt(`${address}:8000`)?.inFlight
  }

  /** What it has in flight itself to the server that is at the address now. */
  ownAt(address: string): number {
    const now = this.pools.endpointAt(`${address}:8000`)
    return this.flights.filter(({ endpoint }) => endpoint === now).length
  }

  /** Sends a request, as a conversation does. */
  begin(address: string, tokens = 0): void {
    this.reports.touched(poolKey)
    const endpoint = this.pools.endpointAt(`${address}:8000`)
    if (endpoint === undefined) return
    endpoint.inFlight += 1
    endpoint.inFlightTokens += tokens
    const end = () => {
      endpoint.inFlight -= 1
      endpoint.inFlightTokens -= tokens
      this.reports.released(poolKey)
    }
    this.flights.push({ endpoint, end })
  }

  end(index = 0): void {
    for (const flight of this.flights.splice(index, 1)) flight.end()
  }
}

/** Workers and what stands between them, on a clock that is moved by hand; messages are copied, as between processes. */
export class Crews {
  readonly clock = new ManualClock()
  readonly pools = new LivePools()
  readonly workers: FakeWorker[] = []
  readonly desk: NewsDesk<FakeWorker>
  readonly touched: string[] = []
  /** Messages that have been sent to workers, and by them. */
  news = 0
  reports = 0
  #servers: readonly Server[] = []

  constructor(size: number, servers: readonly Server[], plugins: () => readonly Plugin[] = () => []) {
    this.desk = new NewsDesk({
      clock: this.clock,
      pools: this.pools,
      longestIntervalMs: () => 1000,
      send: (worker, news) => {
        this.news += 1
        this.#after(worker, news, (copy) => worker.reports.take(copy))
      },
    })
    this.serve(servers)
    for (let i = 0; i < size; i += 1) this.join(plugins())
  }

  /** The servers are these now. */
  serve(servers: readonly Server[]): void {
    this.#servers = servers
    this.pools.update(catalog, servers.map(specOf))
    for (const worker of this.workers) {
      this.#after(worker, servers.map(specOf), (specs) => {
        worker.pools.update(catalog, specs)
        worker.reports.poolsChanged()
      })
    }
  }

  join(plugins: readonly Plugin[] = []): FakeWorker {
    const worker: FakeWorker = new FakeWorker(this.clock, plugins, (report) => {
      this.reports += 1
      this.#after(worker, report, (copy) => {
        this.touched.push(...copy.touched)
        this.desk.reported(worker, copy)
      })
    })
    this.workers.push(worker)
    worker.pools.update(catalog, this.#servers.map(specOf))
    worker.reports.take(structuredClone(this.desk.join(worker)))
    return worker
  }

  /** A worker ends, with all that it had in flight. */
  kill(worker: FakeWorker): void {
    worker.isGone = true
    this.workers.splice(this.workers.indexOf(worker), 1)
    this.desk.leave(worker)
  }

  #after<T>(worker: FakeWorker, message: T, run: (copy: T) => void): void {
    const copy = structuredClone(message)
    this.clock.after(wayMs, () => {
      if (!worker.isGone) run(copy)
    })
  }
}

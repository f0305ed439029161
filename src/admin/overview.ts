import manifest from '../../package.json' with { type: 'json' }
import type { Catalog } from '../catalog/catalog.ts'
import type { Problem } from '../catalog/problem.ts'
import type { Clock } from '../clock.ts'
import type { Explanation } from '../explain/explanation.ts'
import type { Endpoint } from '../pool/endpoint.ts'
import type { LivePools } from '../pool/live-pools.ts'
import { History } from './history.ts'
import { maxAdaptersShown, maxSearchChars, maxShown } from './limits.ts'
import { listModels } from './models-feed.ts'
import { type MetricsSource, type Sample, Sampler } from './sampler.ts'
import type {
  DecisionFeed,
  EndpointFeed,
  HistoryFeed,
  Listed,
  ModelFeed,
  PoolFeed,
  SampleRow,
  StateFeed,
} from './wire.ts'

/** What the page shows, where it is known. */
export type OverviewSources = {
  readonly clock: Clock
  readonly pools: LivePools
  readonly metrics: MetricsSource
  catalog(): Catalog
  /** Of the resources. */
  problems(): readonly Problem[]
  /** What a pool is called in metrics. */
  poolName(poolKey: string): string
  /** The last ones, the newest first. */
  decisions(): readonly Explanation[]
}

type Place = { readonly pool: string; readonly endpoint: Endpoint; readonly picks: number }

const noSample: Sample = {
  sent: 0,
  shed: 0,
  refused: 0,
  serverErrors: 0,
  ttftP50Seconds: undefined,
  ttftP90Seconds: undefined,
  outputTokens: 0,
  prefixHitShare: undefined,
  results: new Map(),
  picks: new Map(),
  saturation: new Map(),
  waiting: new Map(),
}

/** What is to be seen of a service: the state of this second, and the last minutes. */
export class Overview {
  readonly #sources: OverviewSources
  readonly #sampler: Sampler
  readonly #history = new History()
  readonly #startedMs: number
  readonly #decisionIds = new WeakMap<Explanation, number>()
  #decisions = 0
  #sample = noSample
  #row: SampleRow = []
  #places: readonly Place[] = []
  #timeMs: number
  #models: { readonly of: readonly unknown[]; readonly listed: Listed<ModelFeed> } | undefined

  constructor(sources: OverviewSources) {
    const { clock, metrics } = sources
    this.#sources = sources
    this.#sampler = new Sampler(metrics, () => clock.nowMs())
    this.#startedMs = clock.nowMs()
    this.#timeMs = clock.epochMs()
  }

  /** Reads the metrics, and keeps what the plots need. */
  async update(): Promise<void> {
    const { clock, pools } = this.#sources
    this.#sample = await this.#sampler.sample()
    this.#timeMs = clock.epochMs()
    this.#places = placesOf(pools, this.#sample.picks)
    this.#row = this.#rowOf(this.#sample)
    this.#history.add(this.#timeMs, this.#row, this.#places.map(sampleOf))
  }

  history(): HistoryFeed {
    return this.#history.feed()
  }

  state(viewers: number): StateFeed {
    const { clock, catalog, problems } = this.#sources
    const found = problems()
    return {
      timeMs: this.#timeMs,
      version: manifest.version,
      uptimeSeconds: Math.round((clock.nowMs() - this.#startedMs) / 1000),
      viewers,
      sample: this.#row,
      results: Object.fromEntries(this.#sample.results),
      sampled: [...this.#history.lastOfEndpoints()],
      pools: this.#poolFeeds(),
      endpoints: this.#endpointFeeds(this.#places, maxShown.endpoints),
      models: this.#modelFeeds(catalog()),
      problems: { total: found.length, shown: found.slice(0, maxShown.problems) },
      decisions: this.#sources.decisions().map((decision) => this.#decisionFeed(decision)),
    }
  }

  findModels(search: string): Listed<ModelFeed> {
    return listModels(
      this.#sources.catalog(),
      this.#sampler.modelRates,
      maxShown.search,
      search.slice(0, maxSearchChars),
    )
  }

  findEndpoints(search: string): Listed<EndpointFeed> {
    const wanted = search.slice(0, maxSearchChars).toLowerCase()
    const found = this.#places.filter(({ pool, endpoint }) =>
      [pool, endpoint.name, endpoint.address].some((text) => text.toLowerCase().includes(wanted)),
    )
    return this.#endpointFeeds(found, maxShown.search)
  }

  /** One of the last decisions with all that is known of it. */
  decision(id: number): Explanation | undefined {
    return this.#sources.decisions().find((decision) => this.#decisionIds.get(decision) === id)
  }

  #rowOf(sample: Sample): SampleRow {
    const places = this.#places
    let queued = 0
    let kvUsage = 0
    let known = 0
    let inFlight = 0
    for (const { endpoint } of places) {
      const { metrics } = endpoint
      inFlight += endpoint.inFlight
      if (metrics.updatedAtMs === Number.NEGATIVE_INFINITY) continue
      queued += metrics.queued
      kvUsage += metrics.kvUsage
      known += 1
    }
    let waiting = 0
    for (const bands of sample.waiting.values()) for (const requests of bands.values()) waiting += requests
    const { sent, shed, refused, serverErrors, ttftP50Seconds, ttftP90Seconds, outputTokens, prefixHitShare } = sample
    return [
      sent,
      shed,
      refused,
      serverErrors,
      ttftP50Seconds,
      ttftP90Seconds,
      outputTokens,
      waiting,
      queued,
      known === 0 ? undefined : kvUsage / known,
      inFlight,
      prefixHitShare,
    ].map((value) => (value === undefined ? null : short(value)))
  }

  #poolFeeds(): Listed<PoolFeed> {
    const { pools, poolName } = this.#sources
    const feeds = Array.from(pools.members, ([key, endpoints]): PoolFeed => {
      const { queued, running, kvUsage } = pools.averages(key)
      const waiting = this.#sample.waiting.get(poolName(key)) ?? new Map<number, number>()
      const saturation = this.#sample.saturation.get(poolName(key))
      return {
        key,
        saturation: saturation === undefined ? null : short(saturation),
        endpoints: endpoints.length,
        reachable: endpoints.reduce((count, { isReachable }) => count + Number(isReachable), 0),
        inFlight: endpoints.reduce((sum, { inFlight }) => sum + inFlight, 0),
        waiting: Array.from(waiting, ([priority, requests]) => ({ priority, requests })).sort(
          (a, b) => b.priority - a.priority,
        ),
        queued: short(queued),
        running: short(running),
        kvUsage: short(kvUsage),
      }
    })
    feeds.sort((a, b) => b.inFlight - a.inFlight || (a.key < b.key ? -1 : 1))
    return { total: feeds.length, shown: feeds.slice(0, maxShown.pools) }
  }

  #endpointFeeds(places: readonly Place[], most: number): Listed<EndpointFeed> {
    const nowMs = this.#sources.clock.nowMs()
    return { total: places.length, shown: places.slice(0, most).map((place) => endpointFeed(place, nowMs)) }
  }

  /** They are the same until resources or counts are others. */
  #modelFeeds(catalog: Catalog): Listed<ModelFeed> {
    const rates = this.#sampler.modelRates
    if (this.#models?.of[0] !== catalog || this.#models.of[1] !== rates) {
      this.#models = { of: [catalog, rates], listed: listModels(catalog, rates, maxShown.models) }
    }
    return this.#models.listed
  }

  #decisionFeed(decision: Explanation): DecisionFeed {
    let id = this.#decisionIds.get(decision)
    if (id === undefined) {
      this.#decisions += 1
      id = this.#decisions
      this.#decisionIds.set(decision, id)
    }
    const { at, outcome, summary, model, endpoints, answer } = decision
    const picked = endpoints.find(({ rank }) => rank === 1)
    return {
      id,
      at,
      outcome,
      summary,
      model: model?.asked ?? null,
      target: model?.target ?? null,
      endpoint: picked?.name ?? null,
      status: answer?.status ?? null,
    }
  }
}

/** Every endpoint, in the first of its pools: those that get most first, then those that have most to do. */
function placesOf(pools: LivePools, picks: ReadonlyMap<string, number>): Place[] {
  const seen = new Set<Endpoint>()
  const places: Place[] = []
  for (const [pool, endpoints] of pools.members) {
    for (const endpoint of endpoints) {
      if (seen.has(endpoint)) continue
      seen.add(endpoint)
      places.push({ pool, endpoint, picks: picks.get(endpoint.address) ?? 0 })
    }
  }
  return places.sort((a, b) => b.picks - a.picks || loadOf(b.endpoint) - loadOf(a.endpoint))
}

const loadOf = ({ inFlight, metrics }: Endpoint): number => inFlight + metrics.queued + metrics.running

const sampleOf = ({ endpoint: { address, name, metrics }, picks }: Place) => {
  return { address, name, picks, kvUsage: metrics.kvUsage, queued: metrics.queued }
}

function endpointFeed({ pool, endpoint, picks }: Place, nowMs: number): EndpointFeed {
  const { address, name, isReachable, inFlight, metrics } = endpoint
  const ageMs = nowMs - metrics.updatedAtMs
  return {
    pool,
    address,
    name,
    isReachable,
    ageMs: Number.isFinite(ageMs) ? Math.round(ageMs) : null,
    queued: metrics.queued,
    running: metrics.running,
    kvUsage: short(metrics.kvUsage),
    adapters: [...metrics.activeAdapters].slice(0, maxAdaptersShown),
    maxAdapters: metrics.maxAdapters,
    inFlight,
    picks: short(picks),
  }
}

/** As many digits as a reader has a use for. */
const short = (value: number): number => Number(value.toPrecision(4))

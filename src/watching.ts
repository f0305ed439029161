import type { Logger } from 'pino'
import { emptyCatalog } from './catalog/catalog.ts'
import { compileCatalog } from './catalog/compile.ts'
import { modelNames } from './catalog/model-names.ts'
import { systemClock } from './clock.ts'
import { RecentDecisions } from './explain/recent.ts'
import { completeDecision } from './explain/surroundings.ts'
import type { KubeClient } from './kubernetes/client.ts'
import type { Endpoint } from './pool/endpoint.ts'
import { engineFinder } from './pool/engines.ts'
import { LivePools } from './pool/live-pools.ts'
import { metricsSourceLimits, openMetricsSource } from './pool/metrics-source.ts'
import { Scraper } from './pool/scraper.ts'
import type { Known } from './preflight/inventory.ts'
import type { DataLayer } from './scheduling/data-layer.ts'
import type { ServiceOptions } from './service.ts'
import type { Watched } from './serving.ts'
import { FileSource } from './sources/file-source.ts'
import { KubernetesSource } from './sources/kubernetes/kubernetes-source.ts'
import { logProblems, type ProblemChange, type Snapshot, type Source } from './sources/source.ts'

/** Who is told of what was found. */
export type WatchingListener = {
  /** The resources are others, and {@link Watching.pools} has taken that. */
  applied(snapshot: Snapshot): void
  /** A scrape has brought news of the endpoint: its metrics, or whether it can be reached. */
  scraped?(endpoint: Endpoint): void
  /** There are new metrics of one of the pool's endpoints. */
  poolScraped?(poolKey: string): void
}

const nothingCompiled = compileCatalog([])
const partialView = { envoyGateways: [], isCluster: false, isUnread: () => false }

export type WatchingOptions = Pick<ServiceOptions, 'source' | 'onlyPool' | 'hasAdminPage' | 'refreshMetricsIntervalMs'>

/** What a service knows of its resources and its model servers: once, however many processes serve by it. */
export class Watching implements Watched {
  readonly pools = new LivePools()
  readonly recentDecisions = new RecentDecisions()
  readonly onDecision: Watched['onDecision']
  readonly #options: WatchingOptions
  readonly #client: KubeClient | undefined
  readonly #scraper: Scraper
  readonly #log: Logger
  #source: Source | undefined
  #listener: WatchingListener = { applied() {} }
  #snapshot: Snapshot = { catalog: emptyCatalog, endpoints: [] }
  #problems: ProblemChange['current'] = []

  /** @param client of the API server, where resources come from one */
  constructor(options: WatchingOptions, dataLayer: DataLayer, client: KubeClient | undefined, log: Logger) {
    this.#options = options
    this.#client = client
    this.#log = log
    this.onDecision = options.hasAdminPage
      ? (explanation) => this.recentDecisions.add(completeDecision(explanation, this.known))
      : undefined
    this.#scraper = new Scraper({
      clock: systemClock,
      openSource: (address) => openMetricsSource(address, systemClock, metricsSourceLimits, dataLayer),
      engineOf: engineFinder(dataLayer.engineLabelKey, dataLayer.defaultEngine, dataLayer.engineConfigs),
      onUnreachable: (endpoint, cause) =>
        log.warn({ endpoint: endpoint.address, cause: cause.message }, 'metrics of an endpoint cannot be scraped'),
      onReachable: (endpoint) => log.info({ endpoint: endpoint.address }, 'metrics of an endpoint are scraped again'),
      onScraped: (poolKey) => this.#listener.poolScraped?.(poolKey),
      onNews: (endpoint) => this.#listener.scraped?.(endpoint),
      limits: { refreshIntervalMs: dataLayer.intervalMs ?? options.refreshMetricsIntervalMs },
    })
  }

  /** Resolves when the resources have been read and each endpoint has been scraped once. @throws SourceError */
  async start(listener: WatchingListener): Promise<void> {
    this.#listener = listener
    this.#source = this.#createSource()
    this.#apply(await this.#source.start())
    await this.#scraper.scrapeOnce()
  }

  readonly problemCount = (): number => this.#problems.length

  /** Of the resources, for people. */
  get problems(): ProblemChange['current'] {
    return this.#problems
  }

  get catalog(): Snapshot['catalog'] {
    return this.#snapshot.catalog
  }

  /** For the log. */
  get sizes() {
    const { catalog } = this.#snapshot
    return { pools: catalog.pools.size, models: modelNames(catalog).length, endpoints: this.pools.size }
  }

  /** The resources as they were read, for those who explain. Of a cluster not every kind is read; of files there may be more. */
  get known(): Known {
    const compiled = this.#source?.compiled ?? nothingCompiled
    const resources = [...compiled.readings.keys()]
    return { ...partialView, resources, compiled, endpoints: this.#snapshot.endpoints }
  }

  /** See {@link Scraper.longestIntervalMs}. */
  get longestIntervalMs(): number {
    return this.#scraper.longestIntervalMs
  }

  /** A request came for the pool. Cheap: for every pick. */
  touched(poolKey: string): void {
    this.#scraper.touch(poolKey)
  }

  /** Nobody here waits for it. */
  released(): void {}

  async close(): Promise<void> {
    this.#scraper.close()
    await this.#source?.close()
  }

  #apply(snapshot: Snapshot): void {
    const { onlyPool } = this.#options
    if (onlyPool !== undefined && snapshot.catalog.pools.size === 0) {
      this.#log.warn(
        `--pool-name: there is no InferencePool ${onlyPool.namespace}/${onlyPool.name}, so no endpoint is picked`,
      )
    }
    this.#snapshot = snapshot
    this.pools.update(snapshot.catalog, snapshot.endpoints)
    this.#scraper.update(this.pools.members)
    this.#listener.applied(snapshot)
  }

  #createSource(): Source {
    const { source, onlyPool } = this.#options
    const listener = {
      onSnapshot: (snapshot: Snapshot) => {
        const isOfPods = snapshot.catalog === this.#snapshot.catalog
        this.#apply(snapshot)
        this.#log[isOfPods ? 'debug' : 'info'](this.sizes, isOfPods ? 'endpoints changed' : 'resources changed')
      },
      onProblems: (change: ProblemChange) => {
        this.#problems = change.current
        logProblems(change, this.#log)
      },
    }
    switch (source.kind) {
      case 'files': {
        const { resources: paths, endpointsFile, defaultNamespace } = source
        return new FileSource({ paths, endpointsFile, defaultNamespace, onlyPool }, listener)
      }
      case 'kubernetes': {
        const options = { ...source, onlyPool, clock: systemClock, random: Math.random }
        return new KubernetesSource(this.#client!, options, {
          ...listener,
          onMissing: (resources) =>
            this.#log.info({ resources }, 'not served by the API; looked for every few seconds'),
        })
      }
    }
  }
}

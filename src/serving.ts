import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { emptyCatalog } from './catalog/catalog.ts'
import { splitsOf } from './catalog/splits.ts'
import { systemClock } from './clock.ts'
import { type Conversing, createConversing, type PoolActivity } from './conversing.ts'
import type { ClientRequest } from './explain/client-request.ts'
import type { Explanation } from './explain/explanation.ts'
import { explainRequest } from './explain/ground.ts'
import type { Routing } from './extproc/conversation-context.ts'
import { Exchanges } from './extproc/exchange.ts'
import { GrpcServer } from './extproc/grpc-server.ts'
import { extProcService, type Health } from './extproc/health.ts'
import type { Certificates } from './extproc/tls.ts'
import type { LivePools } from './pool/live-pools.ts'
import { createHeaderTable } from './request/control-headers.ts'
import { readConfiguration, type SchedulingConfiguration } from './scheduling/configuration.ts'
import { createDefaultConfiguration } from './scheduling/default-configuration.ts'
import type { ServiceOptions } from './service.ts'
import { readDocuments } from './sources/document.ts'
import type { Snapshot } from './sources/source.ts'
import { AccessLog } from './telemetry/access-log.ts'
import { LineWriter, standardOutput } from './telemetry/line-writer.ts'
import { atMostEvery } from './telemetry/log.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'
import { createOtlpExport, type OtlpExport } from './telemetry/otlp-export.ts'
import { namesModel } from './telemetry/resource-names.ts'

/** A fleet that is scraped more rarely than this is not stale for it. */
const staleAfterScrapes = 3

/**
 * The configuration of an endpoint picker that a service was given, or the default.
 * @param longestIntervalMs see {@link Scraper.longestIntervalMs}
 * @throws ConfigurationError
 */
export function readScheduling(
  { configuration, onlyPool, refreshMetricsIntervalMs }: ServiceOptions,
  longestIntervalMs: () => number,
): SchedulingConfiguration {
  const world = {
    nowMs: systemClock.nowMs,
    // An idle pool is scraped once a second, and a large one more rarely: the request that wakes it must not find it stale.
    staleAfterMs: (thresholdMs: number) =>
      Math.max(thresholdMs, staleAfterScrapes * refreshMetricsIntervalMs, 1.5 * longestIntervalMs()),
  }
  if (configuration === undefined) return createDefaultConfiguration(world, onlyPool === undefined)
  return readConfiguration(configuration.text, configuration.name, { ...world, readDocuments })
}

/** No new request for so long: Envoy has gone elsewhere. */
const quietMs = 1000
/** After so long whoever balances connections knows that this replica is not ready; new ones that come all the same are told again. */
const noticeMs = 1000
/** Kept of the drain timeout for letting streams go, when requests do not cease to come. */
const releaseMs = 5000

/** A client that finds a defect can repeat it at any rate: lines about it come so often at most, milliseconds. */
const defectLogIntervalMs = 1000

/** What serving needs of those who watch. */
export type Watched = PoolActivity & {
  /** The endpoints, kept by whoever watches. */
  readonly pools: LivePools
  readonly problemCount: () => number
  /** Is told some of the decisions in full; undefined where nobody wants to see them. */
  readonly onDecision?: ((explanation: Explanation) => void) | undefined
}

/** The ext_proc server of one process: its port, its streams, what they are decided by, and its metrics. */
export class Serving {
  readonly #options: ServiceOptions
  readonly #health: Health
  readonly #log: Logger
  readonly #conversing: Conversing
  readonly #exchanges: Exchanges
  readonly #metrics: Metrics
  readonly #otlp: OtlpExport | undefined
  readonly #accessLog: AccessLog | undefined
  #routing: Routing = { catalog: emptyCatalog, table: createHeaderTable([]) }
  #server: GrpcServer | undefined

  /** @param health whose checks are answered on the ext_proc port, too */
  constructor(
    options: ServiceOptions,
    configuration: SchedulingConfiguration,
    watched: Watched,
    health: Health,
    log: Logger,
  ) {
    this.#options = options
    this.#health = health
    this.#log = log
    this.#metrics = createMetrics(
      {
        ...stateOf(watched, options),
        openExchanges: () => this.#exchanges.size,
        heldBytes: () => this.#exchanges.heldBytes,
        heldBytesLimit: () => options.limits.maxTotalHeldBytes,
        prefixIndexSize: () => this.#conversing.prefixIndexSize(),
        saturation: (poolKey) => this.#conversing.saturationOf(poolKey),
        namesModel: (name) => namesModel(this.#routing.catalog, name),
        splits: () => splitsOf(this.#routing.catalog),
      },
      options,
    )
    this.#otlp = createOtlpExport(process.env, options.tracing, log)
    this.#accessLog = accessLogOf(options)
    const { onDecision } = watched
    const tellers = {
      otlp: this.#otlp,
      accessLog: this.#accessLog,
      decisions: onDecision && { catalog: () => this.#routing.catalog, processes: options.workers, tell: onDecision },
    }
    this.#conversing = createConversing(options, configuration, watched.pools, watched, this.#metrics, tellers, log)
    let cause = ''
    const logDefect = atMostEvery(defectLogIntervalMs, performance.now.bind(performance), (count) =>
      log.error({ cause, count }, 'a stream failed by a defect of this service'),
    )
    this.#exchanges = new Exchanges(this.#conversing.context, () => this.#routing, {
      failed: (reason, message) => {
        this.#metrics.exchangeErrors.inc({ reason })
        if (reason !== 'internal') return log.debug({ reason, cause: message }, 'a stream failed')
        cause = message
        logDefect()
      },
    })
  }

  /** The metrics of this process. */
  get page() {
    return this.#metrics.registry
  }

  /** Resources have changed, and the pools have taken that: streams that open from now on are decided by it. */
  applied({ catalog }: Snapshot): void {
    this.#routing = { catalog, table: createHeaderTable([...catalog.headerNames, ...this.#conversing.headerNames]) }
    this.#conversing.queues?.update(catalog.pools)
  }

  /** What the stages would make of a request now. Nothing comes of it. */
  explain(client: ClientRequest): Promise<Explanation> {
    return explainRequest(client, this.#routing, this.#conversing.trialGround())
  }

  /** There may be capacity in the pool: it has new metrics. */
  poolScraped(poolKey: string): void {
    this.#conversing.queues?.release(poolKey)
  }

  /** There may be capacity in any pool. */
  releaseAll(): void {
    for (const [, queue] of this.#conversing.queues?.entries() ?? []) queue.release()
  }

  setReady(isReady: boolean): void {
    this.#health.setReady(isReady)
  }

  /** Resolves to the port. @throws the error of listen(), such as EADDRINUSE */
  async listen(certificates: Certificates | undefined): Promise<number> {
    await this.#otlp?.start(this.#metrics.modelPairs)
    const methods = new Map([...this.#health.methods, [`/${extProcService}/Process`, this.#exchanges.process] as const])
    this.#server = new GrpcServer(methods, certificates)
    return this.#server.listen(this.#options.grpcPort, this.#options.host)
  }

  /** Has clients open new connections for new streams; those that are open are served to their end. */
  renewConnections(): void {
    this.#server?.announceShutdown()
  }

  /** Not ready any more: serves until requests cease to come or the drain timeout is over, then closes. */
  async drain(): Promise<void> {
    const server = this.#server!
    const exchanges = this.#exchanges
    const { drainTimeoutMs } = this.#options
    this.#log.info({ openExchanges: exchanges.size, drainTimeoutMs }, 'draining')
    const endMs = performance.now() + drainTimeoutMs
    await untilQuiet(exchanges, server, endMs - Math.min(releaseMs, drainTimeoutMs / 2))
    this.#health.close()
    this.#conversing.queues?.close()
    const closed = server.close()
    while (exchanges.size > 0 && performance.now() < endMs) {
      exchanges.releaseResting()
      await delay(50)
    }
    if (exchanges.size > 0) this.#log.warn({ openExchanges: exchanges.size }, 'cut what was open at the drain timeout')
    // Those who tell of requests close after the last one has been told of.
    await server.destroy()
    await Promise.all([closed, this.#otlp?.close(), this.#accessLog?.close()])
  }
}

function accessLogOf({ accessLogShare: share }: ServiceOptions): AccessLog | undefined {
  if (share === undefined) return undefined
  const writer = new LineWriter(standardOutput(), systemClock)
  return new AccessLog({ share, writer, clock: systemClock, random: Math.random })
}

/** What metrics tell of resources and pools. */
export function stateOf({ pools, problemCount }: Watched, { onlyPool }: ServiceOptions) {
  return {
    pools: () => [...pools.members.keys()].map((key) => [key, pools.averages(key)] as const),
    // Of several pools the names alone may be the same.
    poolName: (poolKey: string) => (onlyPool === undefined ? poolKey : onlyPool.name),
    endpoints: (poolKey: string) => pools.endpointsOf(poolKey),
    resourceProblems: problemCount,
  }
}

async function untilQuiet(exchanges: Exchanges, server: GrpcServer, endMs: number): Promise<void> {
  let opened = exchanges.opened
  let quietSinceMs = performance.now()
  let nextNoticeMs = quietSinceMs + noticeMs
  while (performance.now() < endMs && performance.now() - quietSinceMs < quietMs) {
    await delay(Math.min(100, quietMs))
    const nowMs = performance.now()
    if (exchanges.opened !== opened) quietSinceMs = nowMs
    opened = exchanges.opened
    if (nowMs < nextNoticeMs) continue
    server.announceShutdown()
    nextNoticeMs = nowMs + noticeMs
  }
}

import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { emptyCatalog } from './catalog/catalog.ts'
import { modelNames } from './catalog/model-names.ts'
import { systemClock } from './clock.ts'
import { createConversing } from './conversing.ts'
import type { Routing } from './extproc/conversation.ts'
import { Exchanges } from './extproc/exchange.ts'
import { GrpcServer } from './extproc/grpc-server.ts'
import { extProcService, Health } from './extproc/health.ts'
import { type Certificates, folderCertificates, selfSignedCertificates } from './extproc/tls.ts'
import { KubeClient } from './kubernetes/client.ts'
import { loadKubeconfig } from './kubernetes/kubeconfig.ts'
import { engineFinder } from './pool/engines.ts'
import { LivePools } from './pool/live-pools.ts'
import { metricsSourceLimits, openMetricsSource } from './pool/metrics-source.ts'
import { Scraper } from './pool/scraper.ts'
import { createHeaderTable } from './request/control-headers.ts'
import type { Limits } from './request/limits.ts'
import { readConfiguration, type SchedulingConfiguration } from './scheduling/configuration.ts'
import { createDefaultConfiguration } from './scheduling/default-configuration.ts'
import { readDocuments } from './sources/document.ts'
import { FileSource } from './sources/file-source.ts'
import { KubernetesSource, type KubernetesSourceOptions } from './sources/kubernetes/kubernetes-source.ts'
import {
  logProblems,
  type ProblemChange,
  type Snapshot,
  type Source,
  SourceError,
  type SourceListener,
} from './sources/source.ts'
import { standForElection } from './standing-by.ts'
import { createMetrics, portOf, serveMetrics } from './telemetry/metrics.ts'
import { namesModel } from './telemetry/resource-names.ts'

/** Configuration of the ext_proc service, parsed from flags. */
export type ServiceOptions = {
  readonly source: FileSourceChoice | KubernetesSourceChoice
  /** Serve this pool alone. */
  readonly onlyPool: { readonly namespace: string; readonly name: string } | undefined
  /** Ready only while it holds the lease of the pool; the others stand by. */
  readonly electsLeader: boolean
  /** Address to listen on; undefined for all. */
  readonly host: string | undefined
  /** 0 takes a free one. */
  readonly grpcPort: number
  readonly healthPort: number
  readonly metricsPort: number
  readonly tls: 'off' | 'self-signed' | { readonly folder: string }
  readonly limits: Limits
  readonly rejectsUnknownModels: boolean
  readonly keepsContentLength: boolean
  /** An EndpointPickerConfig; undefined for the defaults. `name` is what problems call it. */
  readonly configuration: { readonly name: string; readonly text: string } | undefined
  /** Tell Envoy the score of each endpoint. */
  readonly emitsEndpointScores: boolean
  /** The proxy's subset hint counts. */
  readonly keepsToSubset: boolean
  /** Headers by which clients ask for an objective, a model or a fairness id count. */
  readonly trustsHints: boolean
  /** Answer GET /v1/models from the catalog. */
  readonly answersModels: boolean
  /** Metrics under the names of llm-d, too. */
  readonly emitsLlmdNames: boolean
  readonly refreshMetricsIntervalMs: number
  readonly drainTimeoutMs: number
}

export type FileSourceChoice = {
  readonly kind: 'files'
  readonly resources: readonly string[]
  readonly endpointsFile: string | undefined
  readonly defaultNamespace: string
}

export type KubernetesSourceChoice = {
  readonly kind: 'kubernetes'
  readonly kubeconfig: string | undefined
} & Pick<KubernetesSourceOptions, 'namespace' | 'poolGroup' | 'standing'>

export type Service = {
  readonly grpcPort: number
  readonly healthPort: number
  readonly metricsPort: number
  /** Becomes not ready, serves until requests cease to come or the drain timeout is over, then closes. */
  drain(): Promise<void>
}

/** No new request for so long: Envoy has gone elsewhere. */
const quietMs = 1000
/** After so long whoever balances connections knows that this replica is not ready; new ones that come all the same are told again. */
const noticeMs = 1000
/** Kept of the drain timeout for letting streams go, when requests do not cease to come. */
const releaseMs = 5000

/** Starts everything and resolves when it is ready. @throws ConfigurationError, SourceError, or the error of listen() */
export async function startService(options: ServiceOptions, log: Logger): Promise<Service> {
  const configuration = readScheduling(options, () => scraper.longestIntervalMs)
  const { dataLayer } = configuration
  const { onlyPool } = options
  for (const warning of configuration.warnings) log.warn(warning)
  const pools = new LivePools()
  const scraper = new Scraper({
    clock: systemClock,
    openSource: (address) => openMetricsSource(address, systemClock, metricsSourceLimits, dataLayer),
    engineOf: engineFinder(dataLayer.engineLabelKey, dataLayer.defaultEngine, dataLayer.engineConfigs),
    onUnreachable: (endpoint, cause) =>
      log.warn({ endpoint: endpoint.address, cause: cause.message }, 'metrics of an endpoint cannot be scraped'),
    onReachable: (endpoint) => log.info({ endpoint: endpoint.address }, 'metrics of an endpoint are scraped again'),
    onScraped: (poolKey) => conversing.queues?.release(poolKey),
    limits: { refreshIntervalMs: dataLayer.intervalMs ?? options.refreshMetricsIntervalMs },
  })

  let routing: Routing = { catalog: emptyCatalog, table: createHeaderTable([]) }
  let problems: ProblemChange['current'] = []
  const listener: SourceListener = {
    onSnapshot(snapshot) {
      const isOfPods = snapshot.catalog === routing.catalog
      apply(snapshot)
      log[isOfPods ? 'debug' : 'info'](sizesOf(snapshot, pools), isOfPods ? 'endpoints changed' : 'resources changed')
    },
    onProblems(change) {
      problems = change.current
      logProblems(change, log)
    },
  }
  const client =
    options.source.kind === 'kubernetes' ? new KubeClient(await loadKubeconfig(options.source.kubeconfig)) : undefined
  const source = createSource(options, client, listener, log)
  const apply = ({ catalog, endpoints }: Snapshot) => {
    if (onlyPool !== undefined && catalog.pools.size === 0) {
      log.warn(
        `--pool-name: there is no InferencePool ${onlyPool.namespace}/${onlyPool.name}, so no endpoint is picked`,
      )
    }
    routing = { catalog, table: createHeaderTable([...catalog.headerNames, ...conversing.headerNames]) }
    pools.update(catalog, endpoints)
    scraper.update(pools.members)
    conversing.queues?.update(pools.members)
  }

  const metrics = createMetrics(
    {
      openExchanges: () => exchanges.size,
      pools: () => [...routing.catalog.pools.keys()].map((key) => [key, pools.averages(key)] as const),
      // Of several pools the names alone may be the same.
      poolName: (poolKey) => (onlyPool === undefined ? poolKey : onlyPool.name),
      resourceProblems: () => problems.length,
      endpoints: (poolKey) => pools.endpointsOf(poolKey),
      heldBytes: () => exchanges.heldBytes,
      prefixIndexSize: () => conversing.prefixIndexSize(),
      saturation: (poolKey) => conversing.saturationOf(poolKey),
      namesModel: (name) => namesModel(routing.catalog, name),
    },
    { emitsLlmdNames: options.emitsLlmdNames },
  )
  const conversing = createConversing(options, configuration, pools, scraper, metrics, log)
  const exchanges = new Exchanges(conversing.context, () => routing, {
    failed(reason, message) {
      metrics.exchangeErrors.inc({ reason })
      if (reason === 'internal') log.error({ cause: message }, 'a stream failed by a defect of this service')
      else log.debug({ reason, cause: message }, 'a stream failed')
    },
  })

  const health = new Health()
  const healthServer = new GrpcServer(health.methods, undefined)
  // Alive, though not ready, while it waits for an API server.
  const healthPort = await healthServer.listen(options.healthPort, options.host)
  const certificates = await loadCertificates(options, log)
  const snapshot = await source.start()
  apply(snapshot)
  await scraper.scrapeOnce()

  const mainServer = new GrpcServer(
    new Map([...health.methods, [`/${extProcService}/Process`, exchanges.process]]),
    certificates,
  )
  const grpcPort = await mainServer.listen(options.grpcPort, options.host)
  const metricsServer = await serveMetrics(metrics.registry, options.metricsPort, options.host)
  let isDraining = false
  const elector = options.electsLeader
    ? standForElection(client!, onlyPool!, log, (isLeader) => health.setReady(isLeader && !isDraining))
    : undefined
  if (elector === undefined) health.setReady(true)
  const metricsPort = portOf(metricsServer)
  log.info(
    { grpcPort, healthPort, metricsPort, tls: certificates !== undefined, ...sizesOf(snapshot, pools) },
    'serving',
  )

  return {
    grpcPort,
    healthPort,
    metricsPort,
    async drain() {
      isDraining = true
      health.setReady(false)
      const released = elector?.close()
      log.info({ openExchanges: exchanges.size, drainTimeoutMs: options.drainTimeoutMs }, 'draining')
      const endMs = performance.now() + options.drainTimeoutMs
      await untilQuiet(exchanges, mainServer, endMs - Math.min(releaseMs, options.drainTimeoutMs / 2))
      health.close()
      conversing.queues?.close()
      const closed = mainServer.close()
      while (exchanges.size > 0 && performance.now() < endMs) {
        exchanges.releaseResting()
        await delay(50)
      }
      if (exchanges.size > 0) log.warn({ openExchanges: exchanges.size }, 'cut what was open at the drain timeout')
      mainServer.destroy()
      healthServer.destroy()
      metricsServer.closeAllConnections()
      await Promise.all([closed, healthServer.close(), new Promise((done) => metricsServer.close(done))])
      scraper.close()
      certificates?.close()
      await Promise.all([source.close(), released])
    },
  }
}

function createSource(
  { source, onlyPool }: ServiceOptions,
  client: KubeClient | undefined,
  listener: SourceListener,
  log: Logger,
): Source {
  switch (source.kind) {
    case 'files': {
      const { resources: paths, endpointsFile, defaultNamespace } = source
      return new FileSource({ paths, endpointsFile, defaultNamespace, onlyPool }, listener)
    }
    case 'kubernetes': {
      const options = { ...source, onlyPool, clock: systemClock, random: Math.random }
      return new KubernetesSource(client!, options, {
        ...listener,
        onMissing: (resources) => log.info({ resources }, 'not served by the API; looked for every few seconds'),
      })
    }
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

/** A fleet that is scraped more rarely than this is not stale for it. */
const staleAfterScrapes = 3

function readScheduling(
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

async function loadCertificates({ tls }: ServiceOptions, log: Logger): Promise<Certificates | undefined> {
  if (tls === 'off') return undefined
  if (tls === 'self-signed') return selfSignedCertificates()
  try {
    return folderCertificates(tls.folder, (problem) => log.error(problem))
  } catch (error) {
    throw new SourceError(`--cert-path ${tls.folder}: ${(error as Error).message}`)
  }
}

function sizesOf({ catalog }: Snapshot, pools: LivePools) {
  return { pools: catalog.pools.size, models: modelNames(catalog).length, endpoints: pools.size }
}

import type { Logger } from 'pino'
import { type AccessOptions, createAccess } from './admin/access.ts'
import { portOf, serveAdmin } from './admin/admin-server.ts'
import { Console } from './admin/console.ts'
import { Overview } from './admin/overview.ts'
import type { MetricsSource } from './admin/sampler.ts'
import { systemClock } from './clock.ts'
import type { ClientRequest } from './explain/client-request.ts'
import type { Explanation } from './explain/explanation.ts'
import { createExplain } from './explain/live.ts'
import { GrpcServer } from './extproc/grpc-server.ts'
import { Health } from './extproc/health.ts'
import { type Certificates, folderCertificates, selfSignedCertificates } from './extproc/tls.ts'
import { KubeClient } from './kubernetes/client.ts'
import { loadKubeconfig } from './kubernetes/kubeconfig.ts'
import type { Limits } from './request/limits.ts'
import { readScheduling, Serving, stateOf } from './serving.ts'
import type { KubernetesSourceOptions } from './sources/kubernetes/kubernetes-source.ts'
import { SourceError } from './sources/source.ts'
import { standForElection } from './standing-by.ts'
import { Watching, type WatchingListener } from './watching.ts'
import { spawnProcess } from './workers/processes.ts'
import { Workers } from './workers/workers.ts'

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
  /** Who may use that port. */
  readonly metricsAccess: AccessOptions
  /** There is a page that shows what goes on, on that port. */
  readonly hasAdminPage: boolean
  /** Processes that serve; 1 is this one, more are others beside it. */
  readonly workers: number
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
  /** Send traces, where the OpenTelemetry environment variables name a place for them. */
  readonly tracing: boolean
  /** Write a line for this share of the requests that go well, and for all others; undefined for none. */
  readonly accessLogShare: number | undefined
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

/** What answers Envoy, by what {@link Watching} knows: this process, or others beside it. */
type Front = WatchingListener & {
  /** The metrics of all of it. */
  readonly page: MetricsSource
  /** What the stages would make of a request now. Nothing comes of it. @throws NotServing */
  explain(client: ClientRequest): Promise<Explanation>
  /** Resolves to the port, when requests are served. @throws the error of listen(), such as EADDRINUSE */
  listen(certificates: Certificates | undefined): Promise<number>
  setReady(isReady: boolean): void
  /** Serves until requests cease to come or the drain timeout is over, then closes. */
  drain(): Promise<void>
}

/** Starts everything and resolves when it is ready. @throws ConfigurationError, SourceError, or the error of listen() */
export async function startService(options: ServiceOptions, log: Logger): Promise<Service> {
  const { onlyPool, host } = options
  const configuration = readScheduling(options, () => watching.longestIntervalMs)
  for (const warning of configuration.warnings) log.warn(warning)
  const client =
    options.source.kind === 'kubernetes' ? new KubeClient(await loadKubeconfig(options.source.kubeconfig)) : undefined
  const access = createAccess(options.metricsAccess, client, systemClock, log)
  const watching: Watching = new Watching(options, configuration.dataLayer, client, log)
  const health = new Health()
  const front: Front =
    options.workers === 1
      ? new Serving(options, configuration, watching, health, log)
      : new Workers(options, watching, health, { clock: systemClock, spawn: spawnProcess, log })

  const healthServer = new GrpcServer(health.methods, undefined)
  // Alive, though not ready, while it waits for an API server.
  const healthPort = await healthServer.listen(options.healthPort, host)
  const certificates = await loadCertificates(options, log)
  await watching.start(front)
  const grpcPort = await front.listen(certificates)
  const console = options.hasAdminPage ? new Console(overviewOf(options, watching, front), systemClock) : undefined
  const metricsServer = await serveAdmin({
    port: options.metricsPort,
    host,
    access,
    metrics: front.page,
    console,
    explain: options.hasAdminPage
      ? createExplain({ explain: (client) => front.explain(client), known: () => watching.known })
      : undefined,
  })
  let isDraining = false
  const elector = options.electsLeader
    ? standForElection(client!, onlyPool!, log, (isLeader) => front.setReady(isLeader && !isDraining))
    : undefined
  if (elector === undefined) front.setReady(true)
  const metricsPort = portOf(metricsServer)
  log.info({ grpcPort, healthPort, metricsPort, tls: certificates !== undefined, ...watching.sizes }, 'serving')

  return {
    grpcPort,
    healthPort,
    metricsPort,
    async drain() {
      isDraining = true
      front.setReady(false)
      const released = elector?.close()
      await front.drain()
      health.close()
      healthServer.destroy()
      console?.close()
      metricsServer.closeAllConnections()
      await Promise.all([healthServer.close(), new Promise((done) => metricsServer.close(done))])
      certificates?.close()
      await Promise.all([watching.close(), released])
    },
  }
}

/** What the admin page shows. */
function overviewOf(options: ServiceOptions, watching: Watching, front: Front): Overview {
  return new Overview({
    clock: systemClock,
    pools: watching.pools,
    metrics: front.page,
    catalog: () => watching.catalog,
    problems: () => watching.problems,
    poolName: stateOf(watching, options).poolName,
    decisions: () => watching.recentDecisions.list,
  })
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

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Counter, collectDefaultMetrics } from 'prom-client'
import manifest from '../../package.json' with { type: 'json' }
import type { FlowObserver } from '../admission/flow-controller.ts'
import type { Endpoint } from '../pool/endpoint.ts'
import type { PoolAverages } from '../pool/live-pools.ts'
import { BoundedValues } from './bounded-values.ts'
import { ExchangeCounts } from './exchange-counts.ts'
import { emptyFamily, type Family, labelsOf, scalarFamily } from './family.ts'
import { MetricsPage } from './metrics-page.ts'
import { llmdPoolFamilies, poolFamilies } from './pool-families.ts'
import { QueueMetrics } from './queue-metrics.ts'
import { genAiFamilies, llmdRequestFamilies, objectiveFamilies, rewriteFamily } from './request-families.ts'
import { createRequestObserver, defaultFairnessId } from './request-observer.ts'
import { RequestStore } from './request-store.ts'
import { SchedulerAttempts } from './scheduler-attempts.ts'
import { SchedulingTimes } from './scheduling-times.ts'
import { plainFamily } from './value-counter.ts'

/** What the gauges are read from when a scrape comes. */
export type MetricsState = {
  openExchanges(): number
  /** By pool key, `namespace/name`. */
  pools(): Iterable<readonly [poolKey: string, averages: PoolAverages]>
  /** What a pool is called in labels; its key without. */
  poolName?(poolKey: string): string
  resourceProblems(): number
  endpoints?(poolKey: string): readonly Endpoint[]
  /** How full a pool is: 1 is full. */
  saturation?(poolKey: string): number
  /** Bytes of bodies that wait for decisions. */
  heldBytes?(): number
  /** Blocks of prompts that the index knows, each once for each endpoint; undefined without an index. */
  prefixIndexSize?(): number | undefined
  /** A resource names this model, as a model or as a target. Asked of each new name, before it is counted. */
  namesModel?(name: string): boolean
}

export type MetricsOptions = {
  /** The names of llm-d, too, by fairness id and priority. */
  readonly emitsLlmdNames: boolean
}

const buildLabels = ['commit', 'build_ref'] as const

/**
 * The process's metrics: those of the reference endpoint picker and body-based router under their names, llm-d's, the
 * OpenTelemetry conventions' and our own. Values of labels come from closed lists, from resources, or are bounded.
 */
export function createMetrics(state: MetricsState, { emitsLlmdNames }: MetricsOptions) {
  const models = new BoundedValues((name) => state.namesModel?.(name) ?? false)
  const fairnessIds = new BoundedValues((id) => id === defaultFairnessId)
  const store = new RequestStore({ models, fairnessIds, splitsFairnessIds: emitsLlmdNames })
  const counts = new ExchangeCounts()
  const attempts = new SchedulerAttempts()
  const queues = new QueueMetrics(models, fairnessIds)
  const nowMs = performance.now.bind(performance)
  const scheduling = new SchedulingTimes(nowMs)
  const nameOf = (poolKey: string): string => state.poolName?.(poolKey) ?? poolKey
  const poolState = { pools: () => state.pools(), endpoints: (key: string) => state.endpoints?.(key) ?? [], nameOf }

  const liveEndpoints = (): ReadonlySet<Endpoint> | undefined =>
    state.endpoints && new Set([...state.pools()].flatMap(([poolKey]) => poolState.endpoints(poolKey)))
  const extensionFamilies = (prefix: string, endpointLabel: string): Family[] => [
    ...scheduling.families(prefix),
    attempts.family(`${prefix}_scheduler_attempts_total`, endpointLabel, liveEndpoints),
    ...queues.families(prefix),
    saturationFamily(state, `${prefix}_flow_control_pool_saturation`),
    optionalFamily(
      { name: `${prefix}_prefix_indexer_size`, help: 'Entries of the index of prompts.', isShared: true },
      () => state.prefixIndexSize?.(),
    ),
    infoFamily(`${prefix}_info`),
  ]
  const families = [
    ...counts.families(),
    plainFamily('gauge', 'signalbox_open_exchanges', 'ext_proc streams that are open.', () => state.openExchanges()),
    plainFamily(
      'gauge',
      'signalbox_resource_problems',
      'Problems of the resources that are served from; the log and `signalbox check` name them.',
      () => state.resourceProblems(),
    ),
    optionalFamily({ name: 'signalbox_held_bytes', help: 'Bytes of bodies that wait for decisions.' }, () =>
      state.heldBytes?.(),
    ),
    ...poolFamilies(poolState),
    ...objectiveFamilies(store),
    ...extensionFamilies('inference_extension', 'pod_name'),
    rewriteFamily(store, 'inference_extension'),
    ...counts.bodyRouterFamilies(),
    emptyFamily('histogram', {
      name: 'bbr_plugin_duration_seconds',
      help: 'Seconds that plugins of the body-based router took; there are none here.',
      labelNames: ['extension_point', 'plugin_type', 'plugin_name'],
    }),
    infoFamily('bbr_info'),
    ...genAiFamilies(store),
    ...(emitsLlmdNames
      ? [
          ...llmdRequestFamilies(store),
          ...counts.llmdFamilies(),
          ...llmdPoolFamilies(poolState),
          ...extensionFamilies('llm_d_epp', 'endpoint_name'),
        ]
      : []),
  ]
  const page = new MetricsPage(families, nowMs)
  const { registry } = page
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const exchangeErrors = new Counter({
    name: 'signalbox_exchange_errors_total',
    help: 'ext_proc streams that ended with an error of their own, by reason.',
    labelNames: ['reason'],
    registers,
  })
  const unroutable = new Counter({
    name: 'signalbox_unroutable_bodies_total',
    help: 'Bodies that came in STREAMED mode without send_body_without_waiting_for_header_response: too late to route by.',
    registers,
  })

  return {
    /** What {@link serveMetrics} serves. */
    registry: page,
    exchangeErrors,
    unroutable,
    conversationObserver: createRequestObserver(store, counts, attempts),
    /** What the queue of a pool tells; to be asked for once a pool. */
    queueObserver: (poolKey: string): FlowObserver => queues.observer(nameOf(poolKey)),
    /** Times the scheduler and its plugins. */
    scheduling,
  }
}

export type Metrics = ReturnType<typeof createMetrics>

/** A gauge of something that may not be there. */
const optionalFamily = (head: Pick<Family, 'name' | 'help' | 'isShared'>, read: () => number | undefined): Family =>
  scalarFamily('gauge', { ...head, labelNames: [] }, function* () {
    const value = read()
    if (value !== undefined) yield ['', value]
  })

function saturationFamily(state: MetricsState, name: string): Family {
  const labelNames = ['inference_pool']
  const head = { name, help: 'How full the pool is: 1 is full.', labelNames, isShared: true }
  return scalarFamily('gauge', head, function* () {
    if (state.saturation === undefined) return
    for (const [poolKey] of state.pools()) {
      yield [labelsOf(labelNames, [state.poolName?.(poolKey) ?? poolKey]), state.saturation(poolKey)]
    }
  })
}

const infoFamily = (name: string): Family =>
  scalarFamily(
    'gauge',
    { name, help: 'The build that runs, as labels.', labelNames: buildLabels, isShared: true },
    () => [[labelsOf(buildLabels, ['', `v${manifest.version}`]), 1]],
  )

/** Serves GET /metrics. Resolves to the server when it listens. @throws the error of listen(), such as EADDRINUSE */
export function serveMetrics(
  page: Pick<MetricsPage, 'contentType' | 'pieces'>,
  port: number,
  host: string | undefined,
): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('GET /metrics\n')
      return
    }
    response.writeHead(200, { 'content-type': page.contentType })
    // Who stops reading gets no more, and that is all there is to it.
    pipeline(Readable.from(page.pieces(), { objectMode: true, highWaterMark: 2 }), response).catch(() => {})
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve(server))
  })
}

export const portOf = (server: Server): number => (server.address() as AddressInfo).port

import { Counter, collectDefaultMetrics } from 'prom-client'
import manifest from '../../package.json' with { type: 'json' }
import type { FlowObserver } from '../admission/flow-controller.ts'
import type { TargetSplit } from '../catalog/catalog.ts'
import type { Endpoint } from '../pool/endpoint.ts'
import type { PoolAverages } from '../pool/live-pools.ts'
import { BoundedValues } from './bounded-values.ts'
import { ExchangeCounts } from './exchange-counts.ts'
import { emptyFamily, type Family, labelsOf, scalarFamily } from './family.ts'
import { MetricsPage } from './metrics-page.ts'
import { endpointFamilies, llmdPoolFamilies, poolFamilies } from './pool-families.ts'
import { QueueMetrics } from './queue-metrics.ts'
import { genAiFamilies, llmdRequestFamilies, objectiveFamilies, rewriteFamily } from './request-families.ts'
import { createRequestObserver, defaultFairnessId } from './request-observer.ts'
import { RequestStore } from './request-store.ts'
import { SchedulerAttempts } from './scheduler-attempts.ts'
import { SchedulingTimes } from './scheduling-times.ts'
import { TargetMetrics } from './target-metrics.ts'
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
  /** The most that they may be. */
  heldBytesLimit?(): number
  /** Blocks of prompts that the index knows, each once for each endpoint; undefined without an index. */
  prefixIndexSize?(): number | undefined
  /** How requests are divided among the targets of models. */
  splits?(): Iterable<TargetSplit>
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
  const targets = new TargetMetrics()
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
    optionalFamily(
      {
        name: 'signalbox_held_bytes_limit',
        help: 'Bytes that such bodies may have together (--max-total-held-bytes).',
      },
      () => state.heldBytesLimit?.(),
    ),
    ...poolFamilies(poolState),
    ...endpointFamilies(poolState, nowMs),
    attempts.picksFamily(liveEndpoints),
    queues.bandFamily(),
    ...targets.families(() => state.splits?.() ?? []),
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
    /** What GET /metrics answers. */
    registry: page,
    exchangeErrors,
    unroutable,
    /** What is counted by model: what the GenAI metrics are read from. */
    modelPairs: () => store.pairs,
    conversationObserver: createRequestObserver(store, counts, attempts, targets),
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

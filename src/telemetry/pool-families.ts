import type { Endpoint, EndpointMetrics } from '../pool/endpoint.ts'
import { unknownMetrics } from '../pool/endpoint.ts'
import type { PoolAverages } from '../pool/live-pools.ts'
import { type Family, labelsOf, type ScalarSample, scalarFamily } from './family.ts'

/** The pools as they are when a scrape comes. */
export type PoolState = {
  /** By pool key, `namespace/name`. */
  pools(): Iterable<readonly [poolKey: string, averages: PoolAverages]>
  endpoints(poolKey: string): readonly Endpoint[]
  /** What a pool is called in labels. */
  nameOf(poolKey: string): string
}

type Read = (averages: PoolAverages) => number

const helps = {
  kvUsage: 'KV-cache use of the endpoints, 0 to 1.',
  queued: 'Requests waiting on an endpoint.',
  running: 'Requests running on an endpoint.',
  ready: 'Endpoints of the pool.',
  endpointQueue: 'Requests waiting on the endpoint.',
}

/** inference_pool_*: the reference endpoint picker's names. */
export function poolFamilies(state: PoolState): Family[] {
  const gauge = (name: string, help: string, read: Read) => averageFamily(state, `inference_pool_${name}`, help, read)
  return [
    gauge('average_kv_cache_utilization', helps.kvUsage, ({ kvUsage }) => kvUsage),
    gauge('average_queue_size', helps.queued, ({ queued }) => queued),
    gauge('average_running_requests', helps.running, ({ running }) => running),
    gauge('ready_pods', helps.ready, ({ ready }) => ready),
    queueFamily(state, 'inference_pool_per_pod_queue_size', 'model_server_pod'),
  ]
}

/** signalbox_endpoint_*: each endpoint as it is known here. */
export function endpointFamilies(state: PoolState, nowMs: () => number): Family[] {
  const gauge = (name: string, help: string, read: (endpoint: Endpoint) => number, isListed = isScraped) =>
    endpointFamily(state, { name: `signalbox_endpoint_${name}`, help, labelNames: endpointLabelNames }, read, isListed)
  return [
    gauge(
      'reachable',
      '0 while the address of the endpoint refuses connections, else 1.',
      ({ isReachable }) => Number(isReachable),
      isAny,
    ),
    gauge(
      'metrics_age_seconds',
      'Seconds since the endpoint last answered a scrape; +Inf if it never has.',
      ({ metrics }) => (nowMs() - metrics.updatedAtMs) / 1000,
      isAny,
    ),
    gauge('kv_cache_usage_ratio', 'KV-cache use of the endpoint, 0 to 1.', ({ metrics }) => metrics.kvUsage),
    gauge('running_requests', 'Requests running on the endpoint.', ({ metrics }) => metrics.running),
  ]
}

export function llmdPoolFamilies(state: PoolState): Family[] {
  const average = (name: string, help: string, read: Read) => averageFamily(state, `llm_d_epp_${name}`, help, read)
  const deviation = (name: string, help: string, field: 'kvUsage' | 'queued' | 'running') =>
    poolFamily(state, `llm_d_epp_std_dev_${name}`, `${help} Standard deviation.`, (poolKey) =>
      deviationOf(state.endpoints(poolKey), field),
    )
  return [
    average('average_kv_cache_utilization', helps.kvUsage, ({ kvUsage }) => kvUsage),
    average('average_queue_size', helps.queued, ({ queued }) => queued),
    average('average_running_requests', helps.running, ({ running }) => running),
    deviation('kv_cache_utilization', helps.kvUsage, 'kvUsage'),
    deviation('queue_size', helps.queued, 'queued'),
    deviation('running_requests', helps.running, 'running'),
    average('ready_endpoints', helps.ready, ({ ready }) => ready),
    queueFamily(state, 'llm_d_epp_per_endpoint_queue_size', 'model_server_endpoint'),
  ]
}

const averageFamily = (state: PoolState, name: string, help: string, read: Read): Family =>
  poolFamily(state, name, help, (_poolKey, averages) => read(averages))

function poolFamily(
  state: PoolState,
  name: string,
  help: string,
  read: (poolKey: string, averages: PoolAverages) => number,
): Family {
  const labelNames = ['name']
  return scalarFamily('gauge', { name, help, labelNames, isShared: true }, function* () {
    for (const [poolKey, averages] of state.pools())
      yield [labelsOf(labelNames, [state.nameOf(poolKey)]), read(poolKey, averages)]
  })
}

const queueFamily = (state: PoolState, name: string, endpointLabel: string): Family =>
  endpointFamily(
    state,
    { name, help: helps.endpointQueue, labelNames: ['name', endpointLabel] },
    ({ metrics }) => metrics.queued,
    isScraped,
  )

/** @param head its labels are the pool's and the endpoint's name */
function endpointFamily(
  state: PoolState,
  head: Pick<Family, 'name' | 'help' | 'labelNames'>,
  read: (endpoint: Endpoint) => number,
  isListed: (endpoint: Endpoint) => boolean,
): Family {
  return scalarFamily('gauge', { ...head, isShared: true }, function* (): Generator<ScalarSample> {
    for (const [poolKey] of state.pools()) {
      for (const endpoint of state.endpoints(poolKey).filter(isListed)) {
        yield [labelsOf(head.labelNames, [state.nameOf(poolKey), endpoint.name]), read(endpoint)]
      }
    }
  })
}

const endpointLabelNames = ['inference_pool', 'endpoint']

const isAny = (): boolean => true
const isScraped = ({ metrics }: Endpoint): boolean => metrics.updatedAtMs !== unknownMetrics.updatedAtMs

/** Of the endpoints that a scrape has answered for; 0 without any. */
function deviationOf(
  endpoints: readonly Endpoint[],
  field: { [F in keyof EndpointMetrics]: EndpointMetrics[F] extends number ? F : never }[keyof EndpointMetrics],
): number {
  const values = endpoints.filter(isScraped).map(({ metrics }) => metrics[field])
  if (values.length === 0) return 0
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}

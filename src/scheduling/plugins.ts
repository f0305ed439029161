/** The plugins that a configuration can name. A new one is a file of its own and a line here. */
import { latencySloAdmitter } from './admitters/latency-slo.ts'
import { probabilisticAdmitter } from './admitters/probabilistic.ts'
import { flowPolicyPluginKinds } from './configuration-flow-control.ts'
import { parserKinds } from './configuration-parsers.ts'
import { requestAttributeReporter } from './configuration-reporters.ts'
import { coreMetricsExtractor, metricsDataSource, modelServerProtocolMetrics } from './data-layer.ts'
import { alwaysDisaggMultimodalDecider, alwaysDisaggPdDecider } from './deciders/always.ts'
import { prefixBasedPdDecider } from './deciders/prefix-based.ts'
import { destinationEndpointServedVerifier } from './destination-endpoint-served.ts'
import { concurrencyDetector } from './detectors/concurrency.ts'
import { utilizationDetector } from './detectors/utilization.ts'
import { endpointAttributeFilter } from './filters/endpoint-attribute.ts'
import { headerBasedTestingFilter } from './filters/header-based-testing.ts'
import { byLabelFilter, byLabelSelectorFilter, labelSelectorFilter } from './filters/label-selector.ts'
import { prefixCacheAffinityFilter } from './filters/prefix-cache-affinity.ts'
import { reachableFilter } from './filters/reachable.ts'
import { decodeFilter, encodeFilter, prefillFilter } from './filters/role.ts'
import { sessionAffinityFilter } from './filters/session-affinity.ts'
import { sloHeadroomTierFilter } from './filters/slo-headroom-tier.ts'
import { topologyAffinityFilter } from './filters/topology-affinity.ts'
import { utilizationFilter } from './filters/utilization.ts'
import { dataParallelProfileHandler } from './handlers/data-parallel.ts'
import {
  disaggHeadersHandler,
  disaggProfileHandler,
  pdProfileHandler,
  prefillHeaderHandler,
} from './handlers/disagg.ts'
import { headerProfileHandler } from './handlers/header-profile.ts'
import { singleProfileHandler } from './handlers/single-profile.ts'
import { neutralKinds } from './neutral.ts'
import { maxScorePicker } from './pickers/max-score.ts'
import { randomPicker } from './pickers/random.ts'
import { weightedRandomPicker } from './pickers/weighted-random.ts'
import type { Admitter, Filter, Picker, Producer, SaturationDetector, Scorer } from './plugin.ts'
import type { PluginKind } from './plugin-kind.ts'
import { approxPrefixCacheProducer } from './prefix/approx-prefix-cache-producer.ts'
import { consistentHashScorer } from './prefix/consistent-hash-scorer.ts'
import { noHitLruScorer } from './prefix/no-hit-lru-scorer.ts'
import { prefixCacheScorer } from './prefix/prefix-cache-scorer.ts'
import { agentIdentity } from './producers/agent-identity.ts'
import { inflightLoadProducer } from './producers/inflight-load.ts'
import { sessionIdProducer } from './producers/session-id.ts'
import { topologyExtractor } from './producers/topology.ts'
import { activeRequestScorer } from './scorers/active-request.ts'
import { contextLengthAware } from './scorers/context-length-aware.ts'
import { endpointAttributeScorer } from './scorers/endpoint-attribute.ts'
import { headerLabelAffinityScorer } from './scorers/header-label-affinity.ts'
import { kvCacheUtilizationScorer } from './scorers/kv-cache-utilization.ts'
import { latencyScorer } from './scorers/latency.ts'
import { loadAwareScorer } from './scorers/load-aware.ts'
import { loraAffinityScorer } from './scorers/lora-affinity.ts'
import { queueScorer } from './scorers/queue.ts'
import { runningRequestsSizeScorer } from './scorers/running-requests-size.ts'
import { sessionAffinityScorer } from './scorers/session-affinity.ts'
import { tokenLoadScorer } from './scorers/token-load.ts'
import { topologyAffinityScorer } from './scorers/topology-affinity.ts'

export const filterKinds: readonly PluginKind<Filter>[] = [
  byLabelFilter,
  byLabelSelectorFilter,
  decodeFilter,
  encodeFilter,
  endpointAttributeFilter,
  headerBasedTestingFilter,
  labelSelectorFilter,
  prefillFilter,
  prefixCacheAffinityFilter,
  reachableFilter,
  sessionAffinityFilter,
  sloHeadroomTierFilter,
  topologyAffinityFilter,
  utilizationFilter,
]

export const scorerKinds: readonly PluginKind<Scorer>[] = [
  activeRequestScorer,
  consistentHashScorer,
  contextLengthAware,
  endpointAttributeScorer,
  headerLabelAffinityScorer,
  kvCacheUtilizationScorer,
  latencyScorer,
  loadAwareScorer,
  loraAffinityScorer,
  noHitLruScorer,
  prefixCacheScorer,
  queueScorer,
  runningRequestsSizeScorer,
  sessionAffinityScorer,
  tokenLoadScorer,
  topologyAffinityScorer,
]

export const pickerKinds: readonly PluginKind<Picker>[] = [maxScorePicker, randomPicker, weightedRandomPicker]

export const detectorKinds: readonly PluginKind<SaturationDetector & Filter>[] = [
  concurrencyDetector,
  utilizationDetector,
]

export const admitterKinds: readonly PluginKind<Admitter>[] = [latencySloAdmitter, probabilisticAdmitter]

export const producerKinds: readonly PluginKind<Producer>[] = [
  agentIdentity,
  approxPrefixCacheProducer,
  inflightLoadProducer,
  sessionIdProducer,
  topologyExtractor,
]

const otherKinds: readonly PluginKind[] = [
  singleProfileHandler,
  headerProfileHandler,
  dataParallelProfileHandler,
  disaggProfileHandler,
  pdProfileHandler,
  disaggHeadersHandler,
  prefillHeaderHandler,
  alwaysDisaggPdDecider,
  alwaysDisaggMultimodalDecider,
  prefixBasedPdDecider,
  metricsDataSource,
  coreMetricsExtractor,
  modelServerProtocolMetrics,
  requestAttributeReporter,
  destinationEndpointServedVerifier,
]

/** Every kind that a configuration can name, by its type. */
export const kindsByType: ReadonlyMap<string, PluginKind> = new Map(
  [
    ...filterKinds,
    ...scorerKinds,
    ...pickerKinds,
    ...detectorKinds,
    ...admitterKinds,
    ...producerKinds,
    ...otherKinds,
    ...parserKinds,
    ...flowPolicyPluginKinds,
    ...neutralKinds,
  ].map((kind) => [kind.type, kind]),
)

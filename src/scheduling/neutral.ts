import { z } from 'zod'
import type { SettingRole } from './configuration-settings.ts'
import type { Plugin } from './plugin.ts'
import { kindOf, type PluginKind } from './plugin-kind.ts'

/**
 * Plugins of the reference whose source is a sidecar, an exporter or a part of the cluster that is not asked here. A
 * configuration may name them, with any parameters, and everything else in it works; they know nothing and change nothing,
 * and say so once.
 */
type Neutral = Plugin & { readonly role: 'filter' | 'scorer' | 'producer' | 'screener' | SettingRole }

const anyObject = z.looseObject({})

const noCacheEvents = 'the events of KV caches are not read; approx-prefix-cache-producer estimates them'
const noPredictions = 'latency predictors are not asked'
const noTokenizer = 'no tokenizer is asked; tokens are estimated by length'
const noEmbeddings = 'the embeddings caches of model servers are not tracked'
const noDcgm = 'DCGM exporters are not read'
const noModelLists = 'the model lists of servers are not read'
const noNotifications = 'resources come from --resources'
const noClusters = 'other clusters are not read'
const noEviction = 'requests that run are not evicted'
const noEndpointFile = 'endpoints come from --endpoints FILE'

/** A producer that other plugins may name for prefix matches: it knows of none. */
const noMatches = { matchedBytes: () => 0, totalBytes: () => 0 }
const noAttributes = { attribute: () => undefined }

export const neutralKinds: readonly PluginKind[] = [
  neutral('predicted-latency-producer', 'producer', noPredictions, noAttributes),
  neutral('predicted-latency-scorer', 'scorer', noPredictions),
  neutral('precise-prefix-cache-producer', 'producer', noCacheEvents, { ...noMatches, extracts: true }),
  neutral('precise-prefix-cache-scorer', 'scorer', noCacheEvents),
  neutral('burst-prefix-cache-producer', 'producer', 'requests are not held back to be sent in bursts', noMatches),
  neutral('token-producer', 'producer', noTokenizer),
  neutral('tokenizer', 'producer', noTokenizer),
  neutral('mm-embeddings-cache-producer', 'producer', noEmbeddings, { extracts: true }),
  neutral('mm-embeddings-cache-scorer', 'scorer', noEmbeddings),
  neutral('p2p-source-producer', 'producer', 'servers do not fetch KV caches from each other'),
  neutral('dcgm-data-source', 'data source', noDcgm),
  neutral('dcgm-extractor', 'extractor', noDcgm, noAttributes),
  neutral('models-data-source', 'data source', noModelLists),
  neutral('models-data-extractor', 'extractor', noModelLists),
  neutral('k8s-notification-source', 'data source', noNotifications),
  neutral('endpoint-notification-source', 'data source', noNotifications),
  neutral('file-discovery', 'discovery', noEndpointFile),
  neutral('disaggregatedset-rollout-screener', 'screener', 'rollouts of DisaggregatedSets are not watched'),
  neutral('sheddable-eviction-filter', 'eviction policy', noEviction),
  neutral('priority-then-time-eviction-order-policy', 'eviction policy', noEviction),
  neutral('multicluster-file-discovery', 'discovery', noEndpointFile),
  neutral('multicluster-metrics-data-source', 'data source', noClusters),
  neutral('multicluster-metrics-extractor', 'extractor', noClusters),
  neutral('multicluster-approx-prefix-cache-producer', 'producer', noClusters, noMatches),
  neutral('multicluster-session-affinity-filter', 'filter', noClusters),
  neutral('multicluster-queue-scorer', 'scorer', noClusters),
  neutral('multicluster-kv-cache-utilization-scorer', 'scorer', noClusters),
  neutral('multicluster-prefix-cache-scorer', 'scorer', noClusters),
]

function neutral(type: string, role: Neutral['role'], why: string, knows: object = {}): PluginKind {
  return kindOf<Neutral>()(type, anyObject, (_parameters, context) => {
    context.warn(`${type} has no effect: ${why}`)
    return { role, ...knows }
  })
}

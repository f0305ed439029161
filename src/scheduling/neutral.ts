import { z } from 'zod'
import type { SettingRole } from './configuration-settings.ts'
import { goDuration } from './go-duration.ts'
import type { Plugin } from './plugin.ts'
import { kindOf, type PluginKind } from './plugin-kind.ts'

/**
 * Plugins of the reference whose source is a sidecar, an exporter or a part of the cluster that is not asked here. A
 * configuration may name them and everything else in it works; they know nothing and change nothing, and say so once.
 */
type Neutral = Plugin & { readonly role: 'filter' | 'scorer' | 'producer' | 'screener' | SettingRole }

const anyObject = z.looseObject({})

const noCacheEvents = 'the events of KV caches are not read; approx-prefix-cache-producer estimates them'
const noPredictions = 'latency predictors are not asked'
const noTokenizer = 'no tokenizer is asked; tokens are estimated by length'
const noEmbeddings = 'the embeddings caches of model servers are not tracked'
const noDcgm = 'DCGM exporters are not read'
const noClusters = 'other clusters are not read'
const noNotifications = 'resources come from --resources or --kubernetes'

/** A producer that other plugins may name for prefix matches: it knows of none. */
const noMatches = { matchedBytes: () => 0, totalBytes: () => 0 }
const noAttributes = { attribute: () => undefined }

export const neutralKinds: readonly PluginKind[] = [
  neutral('predicted-latency-producer', 'producer', noPredictions, anyObject, noAttributes),
  neutral('precise-prefix-cache-producer', 'producer', noCacheEvents, anyObject, noMatches),
  neutral('precise-prefix-cache-scorer', 'scorer', noCacheEvents),
  neutral(
    'burst-prefix-cache-producer',
    'producer',
    'requests are not held back to be sent in bursts',
    z.strictObject({
      window: goDuration.optional(),
      blockSizeTokens: z.int().min(1).optional(),
      maxBatch: z.int().min(1).optional(),
      balanceBy: z.string().optional(),
    }),
    noMatches,
  ),
  neutral('token-producer', 'producer', noTokenizer),
  neutral('tokenizer', 'producer', noTokenizer),
  neutral('mm-embeddings-cache-producer', 'producer', noEmbeddings),
  neutral(
    'mm-embeddings-cache-scorer',
    'scorer',
    noEmbeddings,
    z.strictObject({ producerName: z.string().optional() }),
  ),
  neutral(
    'p2p-source-producer',
    'producer',
    'servers do not fetch KV caches from each other',
    z.strictObject({ minCachedTokenDelta: z.int().min(0).optional() }),
  ),
  neutral('dcgm-data-source', 'data source', noDcgm),
  neutral('dcgm-extractor', 'extractor', noDcgm, anyObject, noAttributes),
  neutral('models-data-source', 'data source', 'the model lists of servers are not read'),
  neutral('models-extractor', 'extractor', 'the model lists of servers are not read'),
  neutral('k8s-notification-source', 'data source', noNotifications),
  neutral('endpoint-notification-source', 'data source', noNotifications),
  neutral(
    'file-discovery',
    'discovery',
    'endpoints come from --endpoints FILE or --kubernetes',
    z.strictObject({ path: z.string(), watchFile: z.boolean().optional() }),
  ),
  neutral('disaggregatedset-rollout-screener', 'screener', 'rollouts of DisaggregatedSets are not watched'),
  neutral('multicluster-metrics-data-source', 'data source', noClusters),
  neutral('multicluster-metrics-extractor', 'extractor', noClusters),
  neutral('multicluster-kv-cache-utilization-scorer', 'scorer', noClusters),
  neutral('multicluster-queue-scorer', 'scorer', noClusters),
]

function neutral(
  type: string,
  role: Neutral['role'],
  why: string,
  schema: z.ZodType = anyObject,
  knows: object = {},
): PluginKind {
  return kindOf<Neutral>()(type, schema, (_parameters, context) => {
    context.warn(`${type} has no effect: ${why}`)
    return { role, ...knows }
  })
}

import { z } from 'zod'
import type { PrefixMatches } from '../plugin.ts'
import { scorerKind } from '../plugin-kind.ts'

const weight = z.number().min(0)

const parameters = z.strictObject({
  /** These three, and the name of the producer of predictions, are for where latencies are predicted. */
  ttftWeight: weight.default(0.8),
  tpotWeight: weight.default(0.2),
  headroomSelectionStrategy: z.enum(['least', 'most']).default('least'),
  latencyPredictionInfoProducerName: z.string().optional(),
  compositeKVWeight: weight.default(1),
  compositeQueueWeight: weight.default(1),
  compositePrefixWeight: weight.default(1),
  prefixMatchInfoProducerName: z.string().min(1).optional(),
})

/**
 * What the reference endpoint picker does without predictions of latency, which come from programs that are not here:
 * the mean, by weight, of the free share of the KV cache, (max - queued) / max, and the share of the prompt that is cached.
 */
export const latencyScorer = scorerKind('latency-scorer', parameters, (options, context) => {
  context.warn('latency-scorer: latencies are not predicted here; it goes by KV cache, queue and cached prefix.')
  const sum = options.compositeKVWeight + options.compositeQueueWeight + options.compositePrefixWeight
  const kvWeight = sum === 0 ? 1 : options.compositeKVWeight / sum
  const queueWeight = sum === 0 ? 0 : options.compositeQueueWeight / sum
  const prefixWeight = sum === 0 ? 0 : options.compositePrefixWeight / sum
  const matches =
    prefixWeight === 0
      ? undefined
      : context.producer<PrefixMatches>('approx-prefix-cache-producer', options.prefixMatchInfoProducerName)

  return {
    score(_request, candidates, scores) {
      let maxQueued = 0
      for (const { metrics } of candidates) if (metrics.queued > maxQueued) maxQueued = metrics.queued
      const totalBytes = matches?.totalBytes() ?? 0
      for (let i = 0; i < candidates.length; i += 1) {
        const { queued, kvUsage } = candidates[i].metrics
        const shortQueue = maxQueued === 0 ? 1 : (maxQueued - queued) / maxQueued
        const cached = totalBytes === 0 ? 0 : matches!.matchedBytes(candidates[i]) / totalBytes
        scores[i] = kvWeight * (1 - kvUsage) + queueWeight * shortQueue + prefixWeight * cached
      }
    },
  }
})

import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import type { PrefixMatches } from '../plugin.ts'
import { filterKind } from '../plugin-kind.ts'

/** Defaults of llm-d; version 1.5.0 of the inference extension had 0.01 for exploration and 5,000 ms for the penalty. */
const parameters = z.strictObject({
  /** The share of the prompt that an endpoint must have cached. */
  affinityThreshold: z.number().min(0).max(1).default(0.8),
  /** How often a request may go anywhere, so that other endpoints get to cache its prefix. */
  explorationProbability: z.number().min(0).max(1).default(0),
  /** So much longer a client may wait for the first token at the cached endpoints; 0 is however long. */
  maxTTFTPenaltyMs: z.number().min(0).default(18_000),
  ttftSource: z.enum(['prefillThroughput', 'latencyPredictor']).default('prefillThroughput'),
  /** Prompt tokens that a server works off in a second. */
  peakPrefillThroughput: z.number().positive().default(15_928),
  prefixMatchInfoProducerName: z.string().min(1).optional(),
  inFlightLoadProducerName: z.string().min(1).optional(),
  latencyPredictionInfoProducerName: z.string().min(1).optional(),
})

/**
 * Keeps the endpoints that have most of the prompt cached, if there are any, as long as the best of them is not much
 * busier than the best other one: the time to the first token is taken for tokens in flight / throughput.
 */
export const prefixCacheAffinityFilter = filterKind('prefix-cache-affinity-filter', parameters, (options, context) => {
  const { affinityThreshold, explorationProbability, maxTTFTPenaltyMs, peakPrefillThroughput } = options
  if (options.ttftSource === 'latencyPredictor') {
    context.warn('prefix-cache-affinity-filter: latencies are not predicted here; it goes by peakPrefillThroughput.')
  }
  const matches = context.producer<PrefixMatches>('approx-prefix-cache-producer', options.prefixMatchInfoProducerName)
  context.producer('inflight-load-producer', options.inFlightLoadProducerName)
  const maxPenaltyTokens = (maxTTFTPenaltyMs / 1_000) * peakPrefillThroughput

  return {
    filter(_request, candidates, random) {
      if (explorationProbability > 0 && random() < explorationProbability) return candidates
      const totalBytes = matches.totalBytes()
      if (totalBytes === 0) return candidates
      const neededBytes = totalBytes * affinityThreshold
      const cached: Endpoint[] = []
      let cachedTokens = Number.POSITIVE_INFINITY
      let otherTokens = Number.POSITIVE_INFINITY
      for (const candidate of candidates) {
        const { inFlightTokens } = candidate
        if (matches.matchedBytes(candidate) >= neededBytes) {
          cached.push(candidate)
          if (inFlightTokens < cachedTokens) cachedTokens = inFlightTokens
        } else if (inFlightTokens < otherTokens) otherTokens = inFlightTokens
      }
      if (cached.length === 0 || cached.length === candidates.length) return candidates
      const isTooBusy = maxTTFTPenaltyMs > 0 && cachedTokens - otherTokens > maxPenaltyTokens
      return isTooBusy ? candidates : cached
    },
  }
})

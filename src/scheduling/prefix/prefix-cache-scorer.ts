import { z } from 'zod'
import { bytesPerToken, type PluginContext, type PrefixMatches, type Scorer } from '../plugin.ts'
import { scorerKind } from '../plugin-kind.ts'
import { prefixCacheParameters } from './approx-prefix-cache-producer.ts'

const producerNames = Object.keys(prefixCacheParameters)

const parameters = z.strictObject({
  /** The producer that knows the matches; by default the approximate one. */
  prefixMatchInfoProducerName: z.string().min(1).optional(),
  /** How much the length of the match counts, rather than its share of the prompt. */
  matchLengthWeight: z.number().min(0).max(1).default(0),
  matchLengthScaleTokens: z.number().gt(0).default(8192),
  // Published configurations still give the scorer what has moved to the producer.
  ...Object.fromEntries(producerNames.map((name) => [name, z.unknown().optional()])),
})

/**
 * The more of the prompt a server has in its cache, the better: (1 - w) · matched / total + w · min(1, matched / scale)²,
 * w being `matchLengthWeight` and scale `matchLengthScaleTokens`.
 */
export const prefixCacheScorer = scorerKind(
  'prefix-cache-scorer',
  parameters,
  (given, context): Omit<Scorer, 'type'> => {
    const moved = producerNames.filter((name) => given[name as keyof typeof given] !== undefined)
    if (moved.length > 0) {
      context.warn(
        `prefix-cache-scorer: ${moved.join(', ')} belong to approx-prefix-cache-producer and have no effect here`,
      )
    }
    const matches = prefixMatches(context, given.prefixMatchInfoProducerName)
    const { matchLengthWeight } = given
    const scaleBytes = given.matchLengthScaleTokens * bytesPerToken
    return {
      score(_request, candidates, scores) {
        const total = matches.totalBytes()
        for (let i = 0; i < candidates.length; i += 1) {
          const matched = total === 0 ? 0 : matches.matchedBytes(candidates[i])
          scores[i] = matched === 0 ? 0 : (1 - matchLengthWeight) * (matched / total)
          if (matchLengthWeight > 0) scores[i] += matchLengthWeight * Math.min(1, matched / scaleBytes) ** 2
        }
      },
    }
  },
)

/** The producer of matches that a plugin names, or the approximate one. */
export function prefixMatches(context: PluginContext, name: string | undefined): PrefixMatches {
  return context.producer<PrefixMatches>('approx-prefix-cache-producer', name)
}

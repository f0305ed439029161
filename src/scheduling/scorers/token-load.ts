import { z } from 'zod'
import { type PrefixMatches, tokensIn } from '../plugin.ts'
import { scorerKind } from '../plugin-kind.ts'

const parameters = z.strictObject({
  /** So many tokens, or more, give 0. The default is 128 requests of 32 Ki tokens. */
  queueThresholdTokens: z.int().min(1).default(4_194_304),
  /** Whose matches are taken off this request's tokens; without it its whole prompt counts. */
  prefixMatchInfoProducerName: z.string().min(1).optional(),
})

/** The fewer tokens in flight, those of this request included, the better: 1 - min(tokens, threshold) / threshold. */
export const tokenLoadScorer = scorerKind(
  'token-load-scorer',
  parameters,
  ({ queueThresholdTokens, prefixMatchInfoProducerName }, context) => {
    // Without this producer no tokens are counted.
    context.producer('inflight-load-producer')
    const matches =
      prefixMatchInfoProducerName === undefined
        ? undefined
        : context.producer<PrefixMatches>('approx-prefix-cache-producer', prefixMatchInfoProducerName)
    return {
      score({ promptBytes }, candidates, scores) {
        for (let i = 0; i < candidates.length; i += 1) {
          const cachedBytes = matches === undefined ? 0 : matches.matchedBytes(candidates[i])
          const tokens = candidates[i].inFlightTokens + tokensIn(Math.max(promptBytes - cachedBytes, 0))
          scores[i] = 1 - Math.min(tokens, queueThresholdTokens) / queueThresholdTokens
        }
      },
    }
  },
)

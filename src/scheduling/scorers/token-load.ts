import { z } from 'zod'
import { scorerKind } from '../plugin-kind.ts'
import type { InflightLoad } from '../producers/inflight-load.ts'

const parameters = z.strictObject({
  /** So many tokens, or more, give 0. The default is 128 requests of 32 Ki tokens. */
  queueThresholdTokens: z.int().min(1).default(4_194_304),
  /** Who counts the tokens. */
  inFlightLoadProducerName: z.string().min(1).optional(),
})

/** The fewer tokens in flight, what this request lacks included, the better: 1 - min(tokens, threshold) / threshold. */
export const tokenLoadScorer = scorerKind(
  'token-load-scorer',
  parameters,
  ({ queueThresholdTokens, inFlightLoadProducerName }, context) => {
    const load = context.producer<InflightLoad>('inflight-load-producer', inFlightLoadProducerName)
    return {
      score(request, candidates, scores) {
        for (let i = 0; i < candidates.length; i += 1) {
          const tokens = candidates[i].inFlightTokens + load.tokensFor(request, candidates[i])
          scores[i] = 1 - Math.min(tokens, queueThresholdTokens) / queueThresholdTokens
        }
      },
    }
  },
)

import { z } from 'zod'
import { bytesPerToken, type PrefixMatches, tokensIn } from '../plugin.ts'
import { deciderKind } from './decider.ts'

const parameters = z.strictObject({
  /** The least tokens that the decode endpoint must be lacking; 0 turns the decider off. */
  nonCachedTokens: z.int().min(0).default(0),
  /** The least tokens of the whole prompt. */
  promptTokens: z.int().min(0).default(0),
  prefixMatchInfoProducerName: z.string().optional(),
})

/** A prefill elsewhere for long prompts of which the decode endpoint has too little in its cache. */
export const prefixBasedPdDecider = deciderKind(
  'prefix-based-pd-decider',
  parameters,
  ({ nonCachedTokens, promptTokens, prefixMatchInfoProducerName }, context) => {
    if (nonCachedTokens === 0) return { disaggregates: () => false }
    const matches = context.producer<PrefixMatches>('approx-prefix-cache-producer', prefixMatchInfoProducerName)
    return {
      disaggregates(request, decode) {
        const tokens = tokensIn(request.promptBytes)
        if (tokens < promptTokens || tokens < nonCachedTokens) return false
        const cachedBytes = decode === undefined ? 0 : matches.matchedBytes(decode)
        return tokens - cachedBytes / bytesPerToken >= nonCachedTokens
      },
    }
  },
)

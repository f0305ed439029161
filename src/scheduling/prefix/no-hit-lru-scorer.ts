import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import type { Scorer } from '../plugin.ts'
import { scorerKind } from '../plugin-kind.ts'
import { prefixMatches } from './prefix-cache-scorer.ts'

const parameters = z.strictObject({
  prefixMatchInfoProducerName: z.string().min(1).optional(),
  /** Servers that are remembered. */
  lruSize: z.int().min(1).default(1024),
  /** Of no use in the reference either. */
  prefixPluginType: z.string().optional(),
  prefixPluginName: z.string().optional(),
})

/** More than a pool has. */
const maxCandidates = 65_536

/**
 * Spreads prompts that no server has over the servers: the one that got such a prompt longest ago is best (1), the one that
 * got the last of them worst (0), and those that got none are all best. For other prompts all get 0.5.
 */
export const noHitLruScorer = scorerKind('no-hit-lru-scorer', parameters, (given, context): Omit<Scorer, 'type'> => {
  const matches = prefixMatches(context, given.prefixMatchInfoProducerName)
  /** When each got its last prompt that nobody had, oldest first. */
  const turns = new Map<Endpoint, number>()
  let turn = 0
  let isNoHit = false
  /** Turn and place of each candidate in one number, so that they are sorted without a comparison of our own. */
  let order = new Float64Array(0)
  return {
    readsPrompt: true,
    score(_request, candidates, scores) {
      const count = candidates.length
      isNoHit = true
      for (let i = 0; i < count && isNoHit; i += 1) isNoHit = matches.matchedBytes(candidates[i]) === 0
      if (!isNoHit || count === 1) {
        scores.fill(isNoHit ? 1 : 0.5, 0, count)
        return
      }
      if (order.length !== count) order = new Float64Array(count)
      for (let i = 0; i < count; i += 1) order[i] = (turns.get(candidates[i]) ?? 0) * maxCandidates + i
      order.sort()
      for (let rank = 0; rank < count; rank += 1) {
        const hasNone = order[rank] < maxCandidates
        scores[order[rank] % maxCandidates] = hasNone ? 1 : 1 - rank / (count - 1)
      }
    },
    routed(_request, endpoint) {
      if (!isNoHit) return
      turn += 1
      turns.delete(endpoint)
      turns.set(endpoint, turn)
      if (turns.size > given.lruSize) turns.delete(turns.keys().next().value!)
    },
  }
})

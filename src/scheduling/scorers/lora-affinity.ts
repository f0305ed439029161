import type { EndpointMetrics } from '../../pool/endpoint.ts'
import { noParameters, scorerKind } from '../plugin-kind.ts'

/**
 * Prefers servers that have the target model's adapter loaded, then those with room to load it, then those where
 * requests wait for it already. A base model is scored by the same rules.
 *
 * A server that reports no adapters has no room for one and gets 0. In a pool of such servers that is the same for all
 * and decides nothing; in a mixed pool it keeps adapters' requests off the servers that can't load them.
 */
export const loraAffinityScorer = scorerKind('lora-affinity-scorer', noParameters, () => ({
  score({ targetModel }, candidates, scores) {
    for (let i = 0; i < candidates.length; i += 1) scores[i] = affinity(targetModel, candidates[i].metrics)
  },
}))

function affinity(targetModel: string, { activeAdapters, waitingAdapters, maxAdapters }: EndpointMetrics): number {
  if (activeAdapters.has(targetModel)) return 1
  if (activeAdapters.size + waitingAdapters.size < maxAdapters) return 0.8
  if (waitingAdapters.has(targetModel)) return 0.6
  return 0
}

import { noParameters, scorerKind } from '../plugin-kind.ts'

/** The emptier the server's KV cache, the better: 1 - usage. */
export const kvCacheUtilizationScorer = scorerKind('kv-cache-utilization-scorer', noParameters, () => ({
  score(_request, candidates, scores) {
    for (let i = 0; i < candidates.length; i += 1) scores[i] = 1 - candidates[i].metrics.kvUsage
  },
}))

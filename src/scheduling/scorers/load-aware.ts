import { z } from 'zod'
import { scorerKind } from '../plugin-kind.ts'

const parameters = z.strictObject({
  /** So many requests in the queue, or more, give 0. */
  threshold: z.int().min(1).default(128),
})

/** The shorter the server's queue, the better, whatever the others have: (1 - min(queued, threshold) / threshold) / 2. */
export const loadAwareScorer = scorerKind('load-aware-scorer', parameters, ({ threshold }) => ({
  score(_request, candidates, scores) {
    for (let i = 0; i < candidates.length; i += 1) {
      scores[i] = 0.5 * (1 - Math.min(candidates[i].metrics.queued, threshold) / threshold)
    }
  },
}))

import { noParameters, scorerKind } from '../plugin-kind.ts'
import { scoreFewest } from './fewest.ts'

/** The shorter the server's queue, the better; relative to the other candidates. */
export const queueScorer = scorerKind('queue-scorer', noParameters, () => ({
  score: (_request, candidates, scores) => scoreFewest(candidates, (endpoint) => endpoint.metrics.queued, scores),
}))

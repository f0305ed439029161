import { noParameters, scorerKind } from '../plugin-kind.ts'
import { scoreFewest } from './fewest.ts'

/** The fewer requests the server runs, the better; relative to the other candidates. */
export const runningRequestsSizeScorer = scorerKind('running-requests-size-scorer', noParameters, () => ({
  score: (_request, candidates, scores) => scoreFewest(candidates, (endpoint) => endpoint.metrics.running, scores),
}))

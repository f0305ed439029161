import type { ResponsePhase } from '../extproc/response-phase.ts'
import type { RequestFacts } from '../request/facts.ts'
import type { Flight } from '../request/flight.ts'
import type { InferenceRequest } from '../request/inference-request.ts'
import type { Route } from '../request/resolve.ts'

/**
 * What became of a request:
 * - `answered`: below 400, to its end
 * - `error`: a status from 400 on that was not ours
 * - `cut`: the answer broke off or lacks its end, or the client left
 * - `unseen`: decided; Envoy does not show the end
 * - `refused`: by us, with a code
 */
export type Outcome = 'answered' | 'error' | 'cut' | 'unseen' | 'refused'

/** Of a request that was decided, when its exchange has ended. */
export function outcomeOf({ refusal, seesEnd, facts }: InferenceRequest, response: ResponsePhase | undefined): Outcome {
  if (refusal !== undefined) return 'refused'
  if (response !== undefined && response.status >= 400) return 'error'
  if (response !== undefined && !Number.isNaN(response.endedAtMs)) return isWhole(response, facts) ? 'answered' : 'cut'
  return seesEnd ? 'cut' : 'unseen'
}

/** Envoy has shown the end; an answer of a model says by itself, too, that it is complete. */
export function isWhole({ endedAtMs, reader }: ResponsePhase, { isInference }: RequestFacts): boolean {
  return !Number.isNaN(endedAtMs) && !(isInference && reader?.finished === false)
}

/** Of a request that was neither decided nor refused. @param status NaN where there was no answer */
export function undecidedOutcome(status: number): Outcome {
  if (Number.isNaN(status)) return 'cut'
  return status >= 400 ? 'error' : 'answered'
}

/** How the endpoint of a request was chosen. */
export type Rating = {
  /** Endpoints that were rated. */
  readonly candidates: number
  /** The total score of the one that was chosen. */
  readonly score: number
  /** The highest of the others; undefined where there was none. */
  readonly next: number | undefined
}

/** Undefined where no scores were kept. */
export function ratingOf({ scheduled }: Flight): Rating | undefined {
  const { scores, endpoints } = scheduled
  const chosen = endpoints[0]?.address
  let score: number | undefined
  let next: number | undefined
  for (const [address, its] of scores) {
    if (address === chosen) score = its
    else if (next === undefined || its > next) next = its
  }
  return score === undefined ? undefined : { candidates: scores.length, score, next }
}

/** Which resource, or else what, chose the target: in words for people. Undefined where nothing did. */
export function chooserOf({ rewrite, rule, target }: Route): string | undefined {
  if (rewrite !== undefined) return rewrite.source
  if (rule === undefined && target === undefined) return undefined
  // Only a header brings a target that the rule does not have, or has the model keep its name in spite of the rule.
  return target !== undefined && rule?.targets.includes(target) ? rule.source : 'a header of the request'
}

import type { Endpoint } from '../pool/endpoint.ts'
import type { Filter, Picker, SchedulingRequest, Scorer } from './plugin.ts'

/** What a profile is made of. */
export type ProfileParts = {
  /** Applied in this order. */
  readonly filters: readonly Filter[]
  readonly scorers: readonly { readonly scorer: Scorer; readonly weight: number }[]
  readonly picker: Picker
}

/** A way to choose the endpoints of a request. */
export type Profile = ProfileParts & {
  /** Best first; empty when there are no candidates or the filters leave none. `random` gives [0, 1). */
  schedule(request: SchedulingRequest, candidates: readonly Endpoint[], random: () => number): readonly Endpoint[]
  /** `[address, total score]` of the candidates that the last {@link schedule} scored. */
  lastScores(): readonly (readonly [address: string, score: number])[]
}

const none: readonly Endpoint[] = []

/**
 * Filters, then sums each candidate's scores by weight, then picks. A score counts between 0 and 1, NaN as 0.
 * The arrays that scorers and pickers get are reused between requests and may be longer than the candidates.
 */
export function createProfile(parts: ProfileParts): Profile {
  const { filters, scorers, picker } = parts
  let scores = new Float64Array(0)
  let totals = new Float64Array(0)
  let scored = none

  return {
    ...parts,
    schedule(request, candidates, random) {
      let fit = candidates
      for (let i = 0; i < filters.length && fit.length > 0; i += 1) fit = filters[i].filter(request, fit, random)
      scored = fit
      if (fit.length === 0) return none
      if (totals.length < fit.length) {
        scores = new Float64Array(fit.length)
        totals = new Float64Array(fit.length)
      }
      totals.fill(0, 0, fit.length)
      for (const { scorer, weight } of scorers) {
        scorer.score(request, fit, scores)
        for (let i = 0; i < fit.length; i += 1) totals[i] += clamp(scores[i]) * weight
      }
      return picker.pick(fit, totals, random)
    },
    lastScores: () => scored.map(({ address }, i) => [address, totals[i]] as const),
  }
}

/** A score as it counts. */
export function clamp(score: number): number {
  return Number.isNaN(score) ? 0 : Math.min(Math.max(score, 0), 1)
}

import type { Explanation } from './explanation.ts'

/** What becomes of the request, and why, in one line. */
export function summarize(explanation: Omit<Explanation, 'summary'>): string {
  const { outcome, answer, model } = explanation
  switch (outcome) {
    case 'endpoint':
      return `goes to ${destination(explanation)}, ${becauseOf(explanation)}`
    case 'waits':
      return `waits in the queue of InferencePool ${explanation.pool!.key}: ${explanation.admission!.why}`
    case 'route':
      return model === undefined
        ? "goes on without an endpoint: it names no model, so Envoy's routes decide"
        : `goes on without an endpoint: no pool here has "${model.asked}", so Envoy's routes decide by the name`
    case 'refused':
      return `${answer!.status}: ${answer!.message}`
    case 'answered':
      return `${answer!.status}: answered by Signalbox itself, no model server is asked`
    case 'unmatched':
      return `404 by Envoy: ${unmatchedReason(explanation)}`
  }
}

/** The endpoint that comes first, and who stands in for it. */
function destination({ endpoints }: Pick<Explanation, 'endpoints'>): string {
  const [first, ...others] = endpoints.filter(({ rank }) => rank !== undefined)
  const text = `${first.name} (${first.address})`
  return others.length === 0 ? text : `${text}, then ${others.map(({ name }) => name).join(', ')}`
}

function becauseOf({ endpoints, profiles }: Pick<Explanation, 'endpoints' | 'profiles'>): string {
  const [first] = endpoints
  const profile = profiles.findLast(({ picked }) => picked[0] === first.address)
  if (profile === undefined) return 'as the picker chose'
  const { scored, totals, scorers, candidates } = profile
  if (candidates.length === 1) return 'the only endpoint of its pool'
  if (scored.length === 1) return 'the only one that the filters leave'
  const total = totals[scored.indexOf(first.address)]
  const best = Math.max(...totals)
  const most = scorers.reduce((sum, { weight }) => sum + weight, 0)
  if (total < best) return `drawn by ${profile.picker}: ${short(total)} of ${short(most)} points`
  const equals = totals.filter((each) => each === best).length
  if (equals === scored.length) {
    const all = equals === 2 ? 'both' : `all ${equals}`
    return `by chance: ${all} have ${short(total)} of ${short(most)} points`
  }
  return `which has the most points: ${short(total)} of ${short(most)}`
}

const unmatchedReason = ({ route }: Pick<Explanation, 'route'>): string =>
  route?.first === undefined
    ? 'no HTTPRoute takes the request before its body is read, so Signalbox never sees it'
    : 'no HTTPRoute takes the request with the headers that were set'

/** Two decimals at most. */
export const short = (number: number): string => String(Number(number.toFixed(2)))

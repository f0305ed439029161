import { scorerKind } from '../plugin-kind.ts'
import { sessionAffinity, sessionAffinityParameters } from '../producers/session-affinity.ts'

/** 1 for the endpoint that the request's session went to before, 0 for all others. */
export const sessionAffinityScorer = scorerKind(
  'session-affinity-scorer',
  sessionAffinityParameters,
  (parameters, context) => {
    const { pinned, ...hooks } = sessionAffinity(parameters, context)
    return {
      ...hooks,
      score(request, candidates, scores) {
        const place = pinned(request, candidates)
        for (let i = 0; i < candidates.length; i += 1) scores[i] = i === place ? 1 : 0
      },
    }
  },
)

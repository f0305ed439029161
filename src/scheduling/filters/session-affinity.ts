import { filterKind } from '../plugin-kind.ts'
import { sessionAffinity, sessionAffinityParameters } from '../producers/session-affinity.ts'

/** Keeps the endpoint that the request's session went to before; all when there is none. */
export const sessionAffinityFilter = filterKind(
  'session-affinity-filter',
  sessionAffinityParameters,
  (parameters, context) => {
    const { pinned, ...hooks } = sessionAffinity(parameters, context)
    return {
      ...hooks,
      filter(request, candidates) {
        const place = pinned(request, candidates)
        return place < 0 ? candidates : [candidates[place]]
      },
    }
  },
)

import { z } from 'zod'
import { scorerKind } from '../plugin-kind.ts'
import { headerName } from '../producers/header-name.ts'

const parameters = z.strictObject({
  headerName,
  labelKey: z.string().min(1),
})

/** 1 for endpoints whose label says what the request's header says, 0 for all others. */
export const headerLabelAffinityScorer = scorerKind(
  'header-label-affinity-scorer',
  parameters,
  ({ headerName, labelKey }) => ({
    headerNames: [headerName],
    score(request, candidates, scores) {
      const wanted = request.header(headerName) || undefined
      for (let i = 0; i < candidates.length; i += 1) {
        scores[i] = wanted !== undefined && candidates[i].labels[labelKey] === wanted ? 1 : 0
      }
    },
  }),
)

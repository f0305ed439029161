import { z } from 'zod'
import { scorerKind } from '../plugin-kind.ts'
import { headerName } from '../producers/header-name.ts'

const parameters = z.strictObject({
  headerName,
  labelKey: z.string().min(1),
  /** Tells the client, by the same header, the label of the endpoint that answers. */
  stampResponseHeader: z.boolean().default(true),
})

/** 1 for endpoints whose label says what the request's header says, 0 for all others. */
export const headerLabelAffinityScorer = scorerKind(
  'header-label-affinity-scorer',
  parameters,
  ({ headerName, labelKey, stampResponseHeader }) => ({
    headerNames: [headerName],
    score(request, candidates, scores) {
      const wanted = request.header(headerName) || undefined
      for (let i = 0; i < candidates.length; i += 1) {
        scores[i] = wanted !== undefined && candidates[i].labels[labelKey] === wanted ? 1 : 0
      }
    },
    ...(stampResponseHeader && {
      responseHeaders(_request, endpoint) {
        const label = endpoint.labels[labelKey]
        return label === undefined ? [] : [headerName, label]
      },
    }),
  }),
)

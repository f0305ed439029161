import { z } from 'zod'
import { filterKind } from '../plugin-kind.ts'

const parameters = z.strictObject({
  /** How often a request goes to endpoints that are predicted to be too slow. */
  epsilonExploreNeg: z.number().min(0).max(1).default(0.01),
  latencyPredictionInfoProducerName: z.string().optional(),
})

/** Keeps all: what it would keep depends on predictions of latency, and where there are none the reference keeps all. */
export const sloHeadroomTierFilter = filterKind('slo-headroom-tier-filter', parameters, (_parameters, context) => {
  context.warn('slo-headroom-tier-filter: latencies are not predicted here; it keeps all endpoints.')
  return { filter: (_request, candidates) => candidates }
})

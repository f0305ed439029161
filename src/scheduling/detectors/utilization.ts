import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import { narrowIfAny } from '../filters/narrow.ts'
import { goDuration } from '../go-duration.ts'
import { detectorKind } from '../plugin-kind.ts'
import { meanSaturation, rooflineParameters } from './roofline.ts'

const parameters = z.strictObject({
  ...rooflineParameters,
  /** Of older metrics nothing is believed: their endpoint counts as full. */
  metricsStalenessThreshold: goDuration.refine((ms) => ms > 0, 'must be more than 0').default(200),
  /** By what share over the thresholds an endpoint may be before the filter takes it away. */
  headroom: z.number().min(0).default(0),
})

type Limits = { readonly queued: number; readonly kvUsage: number; oldestMs: number }

/**
 * How full a pool is by queues and KV caches: the mean of max(queued / 5, KV usage / 0.8), 1 for a pool without
 * endpoints. As a filter it keeps the endpoints that are below both thresholds and have fresh metrics; all when none is.
 */
export const utilizationDetector = detectorKind('utilization-detector', parameters, (options, context) => {
  const { queueDepthThreshold, kvCacheUtilThreshold, metricsStalenessThreshold, headroom } = options
  const limits: Limits = {
    queued: queueDepthThreshold * (1 + headroom),
    kvUsage: kvCacheUtilThreshold * (1 + headroom),
    oldestMs: 0,
  }
  // Asked for each time, as scrapes may come less often at another time.
  const oldestMs = () => context.nowMs() - context.staleAfterMs(metricsStalenessThreshold)
  return {
    saturation: (candidates) => (candidates.length === 0 ? 1 : meanSaturation(candidates, options, oldestMs())),
    filter(_request, candidates) {
      limits.oldestMs = oldestMs()
      return narrowIfAny(candidates, isBelow, limits)
    },
  }
})

function isBelow({ metrics }: Endpoint, { queued, kvUsage, oldestMs }: Limits): boolean {
  return metrics.queued < queued && metrics.kvUsage < kvUsage && metrics.updatedAtMs >= oldestMs
}

import { z } from 'zod'
import type { Endpoint, EndpointMetrics } from '../../pool/endpoint.ts'

/** What a server must not be over, to count as not saturated. */
export const rooflineParameters = {
  /** Requests in the queue of a server that is full. */
  queueDepthThreshold: z.int().min(1).default(5),
  /** Share of the KV cache in use of a server that is full. */
  kvCacheUtilThreshold: z.number().positive().max(1).default(0.8),
}

export type Roofline = { readonly queueDepthThreshold: number; readonly kvCacheUtilThreshold: number }

/**
 * The mean over the endpoints of max(queued / threshold, KV usage / threshold), or 1 for an endpoint whose metrics are
 * from before `oldestMs`.
 */
export function meanSaturation(candidates: readonly Endpoint[], roofline: Roofline, oldestMs: number): number {
  let sum = 0
  for (const { metrics } of candidates) sum += metrics.updatedAtMs < oldestMs ? 1 : saturationOf(metrics, roofline)
  return sum / candidates.length
}

function saturationOf({ queued, kvUsage }: EndpointMetrics, roofline: Roofline): number {
  return Math.max(queued / roofline.queueDepthThreshold, kvUsage / roofline.kvCacheUtilThreshold)
}

import type { Endpoint } from '../../pool/endpoint.ts'
import { decoders, prefillers } from '../filters/role.ts'
import type { SaturationDetector } from '../plugin.ts'

/**
 * How full the fuller stage of a pool is, prefill or decode, as each request needs both; a server of both roles counts for
 * both. Servers that only encode count for none, unless there are no others. Without roles it is the pool as a whole.
 */
export function saturationOfStages(detector: SaturationDetector, candidates: readonly Endpoint[]): number {
  const decoding = decoders(candidates)
  const prefilling = prefillers(candidates)
  if (decoding.length + prefilling.length === 0) return detector.saturation(candidates)
  if (prefilling.length === 0) return detector.saturation(decoding)
  if (decoding.length === 0) return detector.saturation(prefilling)
  return Math.max(detector.saturation(decoding), detector.saturation(prefilling))
}

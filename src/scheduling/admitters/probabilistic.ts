import { z } from 'zod'
import { meanSaturation, rooflineParameters } from '../detectors/roofline.ts'
import { admitterKind } from '../plugin-kind.ts'

const parameters = z.strictObject({
  ...rooflineParameters,
  /** The higher, the longer nothing happens, and the steeper is the rise. */
  power: z.number().positive().default(5),
  /** The higher, the earlier: all are refused from a saturation of (1 / k) ^ (1 / power) on, 0.32 by default. */
  k: z.number().positive().default(300),
})

/**
 * Refuses requests below priority 0 with the probability min(saturation ^ power * k, 1), so that they grow fewer before
 * the pool is full. It has thresholds of its own, and goes by them rather than by the configuration's detector. Endpoints
 * that have never been scraped count as full; a pool without endpoints is no reason to refuse.
 */
export const probabilisticAdmitter = admitterKind('probabilistic-admitter', parameters, (options) => {
  const { power, k } = options
  return {
    refusal({ priority }, candidates, _saturation, random) {
      if (priority >= 0 || candidates.length === 0) return undefined
      const saturation = meanSaturation(candidates, options, -Number.MAX_VALUE)
      const isRefused = random() < Math.min(saturation ** power * k, 1)
      return isRefused ? `request of priority ${priority} shed: the pool is ${percent(saturation)} % full` : undefined
    },
  }
})

const percent = (share: number): string => (share * 100).toFixed(0)

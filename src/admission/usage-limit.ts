import type { UsageLimitOptions } from './options.ts'

/** What a ceiling depends on of a band. */
export type LimitedBand = {
  readonly priority: number
  /** Counted up by the ceilings that open and close. */
  turns: number
}

/**
 * How saturated the pool may be, at most, for band `index` to be served: it is while saturation is below.
 *
 * @param bands highest priority first, with those in which nothing waits: a band keeps the ones below from the capacity
 *   that is held back for it when it is empty, too
 */
export function ceilingOf(
  { type, parameters }: UsageLimitOptions,
  bands: readonly LimitedBand[],
  index: number,
  saturation: number,
): number {
  switch (type) {
    case 'static-usage-limit-policy':
      return parameters.threshold
    case 'priority-holdback-policy': {
      if (parameters.domain === 'explicit') return parameters.ceilings[bands[index].priority] ?? 0
      const { domain, minCeiling, maxCeiling } = parameters
      if (bands.length === 1) return maxCeiling
      const depth = domain === 'rank' ? index / (bands.length - 1) : depthByValue(bands, index)
      return maxCeiling - depth * (maxCeiling - minCeiling)
    }
    case 'soft-reflective-ceiling-policy':
      return reflectiveCeiling(bands, index, saturation)
  }
}

/** How far the band's priority lies below the highest: 0 to 1 for the lowest. */
function depthByValue(bands: readonly LimitedBand[], index: number): number {
  const highest = bands[0].priority
  return (highest - bands[index].priority) / (highest - bands[bands.length - 1].priority)
}

/**
 * Below 1 - depth * saturation the band is open. Above, it is open for one decision of every round(s / (1 - s)), so that its
 * share fades out instead of ending at a threshold. The highest band is always open.
 */
function reflectiveCeiling(bands: readonly LimitedBand[], index: number, saturation: number): number {
  const isOpen = index === 0 || saturation < 1 - (index * saturation) / (bands.length - 1)
  if (isOpen) return 1
  if (saturation >= 1) return 0
  const period = Math.max(1, Math.round(saturation / (1 - saturation)))
  bands[index].turns += 1
  return bands[index].turns % period === 0 ? 1 : 0
}

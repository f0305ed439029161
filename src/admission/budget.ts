import type { FlowControlOptions } from './options.ts'

/** How long a request may wait, milliseconds: in a pool that has endpoints, and in one that has none. */
export type Budgets = {
  readonly withEndpointsMs: number
  readonly withoutEndpointsMs: number
}

/** @param ttlMs what the request itself says; it never makes the wait for a first endpoint longer. 0 is no limit */
export function budgetsOf(
  { defaultRequestTtlMs, noEndpointTtlMs }: Pick<FlowControlOptions, 'defaultRequestTtlMs' | 'noEndpointTtlMs'>,
  ttlMs: number | undefined,
): Budgets {
  const withoutEndpointsMs = limited(noEndpointTtlMs)
  if (ttlMs === undefined) return { withEndpointsMs: limited(defaultRequestTtlMs), withoutEndpointsMs }
  const ownMs = limited(ttlMs)
  return { withEndpointsMs: ownMs, withoutEndpointsMs: Math.min(ownMs, withoutEndpointsMs) }
}

const limited = (ttlMs: number): number => (ttlMs === 0 ? Number.POSITIVE_INFINITY : ttlMs)

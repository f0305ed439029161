import type { FlowItem } from './flow-item.ts'
import type { OrderingOptions } from './options.ts'

/**
 * What sorts the requests of a band; the smallest is served first, and the earlier request among equals.
 *
 * @param ttlMs how long the request may wait for capacity
 */
export function orderKeyOf({ type }: OrderingOptions, item: FlowItem, ttlMs: number): number {
  switch (type) {
    case 'fcfs-ordering-policy':
      return 0
    case 'edf-ordering-policy':
      return item.enqueuedAtMs + ttlMs
    case 'slo-deadline-ordering-policy':
      return item.sloTtftMs === undefined ? Number.POSITIVE_INFINITY : item.receivedAtMs + item.sloTtftMs
  }
}

import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import { filterKind } from '../plugin-kind.ts'
import { endpointNumber, endpointNumbers } from '../producers/endpoint-attribute.ts'
import { narrow, narrowIfAny } from './narrow.ts'

const parameters = z.strictObject({
  /** All must hold: the number is at most so high. */
  conditions: z.array(z.strictObject({ metric: endpointNumber, maxValue: z.number().min(0) })).min(1),
  /** Keeps all where it would keep none. */
  fallbackOnEmpty: z.boolean().default(false),
})

type Limit = { readonly read: (endpoint: Endpoint) => number; readonly max: number }

/** Keeps the endpoints that are not too busy. */
export const utilizationFilter = filterKind('utilization-filter', parameters, ({ conditions, fallbackOnEmpty }) => {
  const limits = conditions.map(({ metric, maxValue }) => ({ read: endpointNumbers[metric], max: maxValue }))
  const keep = fallbackOnEmpty ? narrowIfAny : narrow
  return { filter: (_request, candidates) => keep(candidates, isWithin, limits) }
})

function isWithin(endpoint: Endpoint, limits: readonly Limit[]): boolean {
  for (const { read, max } of limits) if (!(read(endpoint) <= max)) return false
  return true
}

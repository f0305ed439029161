import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import { filterKind } from '../plugin-kind.ts'
import { endpointNumber, endpointNumbers } from '../producers/endpoint-attribute.ts'
import { narrow, narrowIfAny } from './narrow.ts'

const condition = z
  .strictObject({ metric: endpointNumber, maxValue: z.number().min(0) })
  .refine(({ metric, maxValue }) => metric !== 'kv-cache-utilization' || maxValue <= 1, {
    error: 'must be at most 1, as it is a share of the cache',
    path: ['maxValue'],
  })

const parameters = z.strictObject({
  /** All must hold: the number is at most so high. */
  conditions: z.array(condition).min(1),
  /** Keeps all where it would keep none. */
  fallbackOnEmpty: z.boolean().default(false),
  /** Which instance is all the same: the pool counts the requests. */
  inFlightLoadProducerName: z.string().min(1).optional(),
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

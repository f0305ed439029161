import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import { filterKind } from '../plugin-kind.ts'
import { attributeReader, type ReadAttribute } from '../producers/endpoint-attribute.ts'

const compare = {
  LessThan: (value: number, limit: number) => value < limit,
  LessThanOrEqual: (value: number, limit: number) => value <= limit,
  GreaterThan: (value: number, limit: number) => value > limit,
  GreaterThanOrEqual: (value: number, limit: number) => value >= limit,
  Equal: (value: number, limit: number) => value === limit,
  NotEqual: (value: number, limit: number) => value !== limit,
}

type Operator = keyof typeof compare
const operator = z.enum(Object.keys(compare) as [Operator, ...Operator[]])
const range = z
  .strictObject({ min: z.number(), max: z.number() })
  .refine(({ min, max }) => min <= max, { error: 'min must not be more than max' })
const higherIsBetter = z.boolean().default(true)

const algorithm = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('threshold'), threshold: z.strictObject({ operator, value: z.number() }) }),
  z.strictObject({ type: z.literal('range'), range }),
  z.strictObject({ type: z.literal('topK'), topK: z.strictObject({ k: z.int().min(1), higherIsBetter }) }),
  z.strictObject({
    type: z.literal('percentile'),
    percentile: z.strictObject({ percentile: z.number().min(0).max(100), higherIsBetter }),
  }),
])

const parameters = z.strictObject({
  attribute: z.string().min(1),
  /** The plugin that gives the attribute. */
  producer: z.string().optional(),
  /** What becomes of an endpoint that has no such number. */
  onMissing: z.enum(['Pass', 'Fail']).default('Pass'),
  /** Keeps all where it would keep none. */
  fallbackOnEmpty: z.boolean().default(false),
  algorithm,
})

/** Keeps endpoints by one number: by a limit, a range, their rank, or the rank that a share of the candidates has. */
export const endpointAttributeFilter = filterKind('endpoint-attribute-filter', parameters, (options, context) => {
  const { attribute, producer, onMissing, fallbackOnEmpty, algorithm } = options
  const read = attributeReader(attribute, producer, 'endpoint-attribute-filter', context)
  return {
    filter(_request, candidates) {
      const keeps = keeperFor(algorithm, read, candidates)
      const kept = candidates.filter((candidate) => {
        const value = read(candidate)
        return value === undefined || Number.isNaN(value) ? onMissing === 'Pass' : keeps(value, candidate)
      })
      return kept.length === 0 && fallbackOnEmpty ? candidates : kept
    },
  }
})

type Keeps = (value: number, candidate: Endpoint) => boolean

function keeperFor(how: z.output<typeof algorithm>, read: ReadAttribute, candidates: readonly Endpoint[]): Keeps {
  switch (how.type) {
    case 'threshold': {
      const holds = compare[how.threshold.operator]
      return (value) => holds(value, how.threshold.value)
    }
    case 'range':
      return (value) => value >= how.range.min && value <= how.range.max
    case 'topK': {
      const sign = how.topK.higherIsBetter ? -1 : 1
      const best = new Set(
        known(read, candidates)
          .sort((a, b) => sign * (a.value - b.value))
          .slice(0, how.topK.k)
          .map(({ candidate }) => candidate),
      )
      return (_value, candidate) => best.has(candidate)
    }
    case 'percentile': {
      const values = known(read, candidates)
        .map(({ value }) => value)
        .sort((a, b) => a - b)
      // The nearest rank; the 0th percentile is the least value.
      const rank = Math.max(Math.ceil((how.percentile.percentile / 100) * values.length), 1)
      const limit = values[rank - 1]
      return how.percentile.higherIsBetter ? (value) => value >= limit : (value) => value <= limit
    }
  }
}

function known(read: ReadAttribute, candidates: readonly Endpoint[]) {
  return candidates
    .map((candidate) => ({ candidate, value: read(candidate) ?? Number.NaN }))
    .filter(({ value }) => !Number.isNaN(value))
}

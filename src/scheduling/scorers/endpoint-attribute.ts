import { z } from 'zod'
import { scorerKind } from '../plugin-kind.ts'
import { attributeReader } from '../producers/endpoint-attribute.ts'

const fixedRange = z
  .strictObject({ min: z.number(), max: z.number() })
  .refine(({ min, max }) => min < max, { error: 'min must be less than max' })

const parameters = z.strictObject({
  attributeKey: z.string().min(1),
  /** The plugin that gives the attribute. */
  producer: z.string().optional(),
  algorithm: z.strictObject({
    type: z.enum(['linear_lower_is_better', 'linear_higher_is_better']),
    normalization: z
      .strictObject({ fixedRange: fixedRange.optional(), adaptiveRange: z.strictObject({}).optional() })
      .refine(({ fixedRange, adaptiveRange }) => fixedRange === undefined || adaptiveRange === undefined, {
        error: 'fixedRange beside adaptiveRange, allowed: one of them',
      })
      .default({}),
  }),
})

/**
 * Scores by one number of an endpoint: (value - min) / (max - min), or 1 less it where lower is better. The range is that
 * of the candidates, where all get 1 when they are equal, or a fixed one, which values are clamped to. A candidate that
 * has no such number gets 0.
 */
export const endpointAttributeScorer = scorerKind('endpoint-attribute-scorer', parameters, (options, context) => {
  const { attributeKey, producer, algorithm } = options
  const read = attributeReader(attributeKey, producer, 'endpoint-attribute-scorer', context)
  const isLowerBetter = algorithm.type === 'linear_lower_is_better'
  const fixed = algorithm.normalization.fixedRange

  return {
    score(_request, candidates, scores) {
      let min = Number.POSITIVE_INFINITY
      let max = Number.NEGATIVE_INFINITY
      for (let i = 0; i < candidates.length; i += 1) {
        const value = read(candidates[i]) ?? Number.NaN
        scores[i] = value
        if (value < min) min = value
        if (value > max) max = value
      }
      if (fixed !== undefined) ({ min, max } = fixed)
      for (let i = 0; i < candidates.length; i += 1) {
        const value = scores[i]
        if (Number.isNaN(value)) scores[i] = 0
        else if (min === max) scores[i] = 1
        else {
          const place = (Math.min(Math.max(value, min), max) - min) / (max - min)
          scores[i] = isLowerBetter ? 1 - place : place
        }
      }
    },
  }
})

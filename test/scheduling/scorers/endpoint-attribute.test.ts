import { describe, expect, it } from 'vitest'
import type { Producer } from '../../../src/scheduling/plugin.ts'
import { endpointAttributeScorer } from '../../../src/scheduling/scorers/endpoint-attribute.ts'
import { pluginContext } from '../context.ts'
import { endpoints } from '../endpoints.ts'
import { scoresOf } from './scores.ts'

const candidates = endpoints({ queued: 2 }, { queued: 10 }, { queued: 4 })
const lower = { type: 'linear_lower_is_better' }
const higher = { type: 'linear_higher_is_better' }

const scores = (algorithm: unknown, of = candidates) =>
  scoresOf(endpointAttributeScorer.create({ attributeKey: 'waiting-queue', algorithm }, pluginContext()), of)

describe('by the range of the candidates', () => {
  it('scores the lowest 1 where lower is better, the highest where higher is', () => {
    expect(scores(lower)).toEqual([1, 0, 0.75])
    expect(scores(higher)).toEqual([0, 1, 0.25])
    expect(scores({ ...lower, normalization: { adaptiveRange: {} } })).toEqual([1, 0, 0.75])
  })

  it('scores equals 1', () => {
    expect(scores(lower, endpoints({ queued: 3 }, { queued: 3 }))).toEqual([1, 1])
    expect(scores(higher, endpoints({ queued: 3 }, { queued: 3 }))).toEqual([1, 1])
  })
})

it('scores by a fixed range, to which values are clamped', () => {
  expect(scores({ ...lower, normalization: { fixedRange: { min: 4, max: 8 } } })).toEqual([1, 0, 1])
  expect(scores({ ...higher, normalization: { fixedRange: { min: 0, max: 8 } } })).toEqual([0.25, 1, 0.5])
})

describe('the attribute of another plugin', () => {
  const gpu: Producer = {
    type: 'dcgm-extractor',
    attribute: ({ name }, key) => (key === 'GPUUtilization' && name !== 'server-1' ? 0.25 : undefined),
  }
  const parameters = { attributeKey: 'GPUUtilization', producer: 'dcgm-extractor', algorithm: lower }

  it('is asked of it; who has none gets 0', () => {
    const scorer = endpointAttributeScorer.create(parameters, pluginContext({ plugins: { gpu } }))
    expect(scoresOf(scorer, candidates)).toEqual([1, 0, 1])
  })

  it('is nobody’s where that plugin gives none, and the operator is told', () => {
    const context = pluginContext({ plugins: { gpu: { type: 'dcgm-extractor' } } })
    expect(scoresOf(endpointAttributeScorer.create(parameters, context), candidates)).toEqual([0, 0, 0])
    expect(context.warnings).toEqual([
      'endpoint-attribute-scorer: nothing gives the attribute "GPUUtilization", so no endpoint has it.',
    ])
  })

  it('must be of a plugin that is there', () => {
    expect(() => endpointAttributeScorer.create(parameters, pluginContext())).toThrow('dcgm-extractor')
  })
})

it.each([
  [{ attributeKey: 'waiting-queue' }, 'algorithm'],
  [{ attributeKey: 'waiting-queue', algorithm: { type: 'square' } }, 'type'],
  [
    { attributeKey: 'waiting-queue', algorithm: { ...lower, normalization: { fixedRange: { min: 1, max: 1 } } } },
    'min',
  ],
  [{ algorithm: lower }, 'attributeKey'],
])('refuses %j', (parameters, place) => {
  expect(() => endpointAttributeScorer.create(parameters, pluginContext())).toThrow(place)
})

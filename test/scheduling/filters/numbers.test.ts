import { describe, expect, it } from 'vitest'
import { endpointAttributeFilter } from '../../../src/scheduling/filters/endpoint-attribute.ts'
import { utilizationFilter } from '../../../src/scheduling/filters/utilization.ts'
import type { Producer } from '../../../src/scheduling/plugin.ts'
import { pluginContext } from '../context.ts'
import { endpoints } from '../endpoints.ts'
import { left } from './left.ts'

describe('utilization-filter', () => {
  const candidates = endpoints(
    { inFlight: 1, running: 5, queued: 0, kvUsage: 0.9 },
    { inFlight: 5, running: 1, queued: 3, kvUsage: 0.1 },
    { inFlight: 9, running: 9, queued: 9, kvUsage: 0.5 },
  )
  const keeps = (conditions: unknown, more = {}) =>
    left(utilizationFilter.create({ conditions, ...more }, pluginContext()), candidates)

  it.each([
    ['active-requests', 5, [0, 1]],
    ['running-requests', 4.9, [1]],
    ['waiting-queue', 0, [0]],
    ['kv-cache-utilization', 0.5, [1, 2]],
  ])('keeps those whose %s is at most %f', (metric, maxValue, kept) => {
    expect(keeps([{ metric, maxValue }])).toEqual(kept)
  })

  it('wants all conditions to hold', () => {
    const conditions = [
      { metric: 'active-requests', maxValue: 5 },
      { metric: 'kv-cache-utilization', maxValue: 0.5 },
    ]
    expect(keeps(conditions)).toEqual([1])
  })

  it('keeps none when none is fit, or all where it is told so', () => {
    const conditions = [{ metric: 'kv-cache-utilization', maxValue: 0 }]
    expect(keeps(conditions)).toEqual([])
    expect(keeps(conditions, { fallbackOnEmpty: true })).toEqual([0, 1, 2])
  })

  it.each([
    [[], 'conditions'],
    [[{ metric: 'mood', maxValue: 1 }], 'metric'],
  ])('refuses %j', (conditions, place) => {
    expect(() => keeps(conditions)).toThrow(place)
  })
})

describe('endpoint-attribute-filter', () => {
  const values = [40, undefined, 10, 30, 20]
  const candidates = endpoints({}, {}, {}, {}, {})
  const extractor: Producer = {
    type: 'core-metrics-extractor',
    attribute: (endpoint, key) => (key === 'depth' ? values[candidates.indexOf(endpoint)] : undefined),
  }
  const keeps = (algorithm: unknown, more = {}) => {
    const context = pluginContext({ plugins: { extractor } })
    return left(endpointAttributeFilter.create({ attribute: 'depth', algorithm, ...more }, context), candidates)
  }
  const threshold = (operator: string, value: number) => ({ type: 'threshold', threshold: { operator, value } })

  it.each([
    [threshold('LessThan', 30), [1, 2, 4]],
    [threshold('LessThanOrEqual', 30), [1, 2, 3, 4]],
    [threshold('GreaterThan', 30), [0, 1]],
    [threshold('GreaterThanOrEqual', 30), [0, 1, 3]],
    [threshold('Equal', 30), [1, 3]],
    [threshold('NotEqual', 30), [0, 1, 2, 4]],
    [{ type: 'range', range: { min: 10, max: 30 } }, [1, 2, 3, 4]],
    [{ type: 'topK', topK: { k: 2 } }, [0, 1, 3]],
    [{ type: 'topK', topK: { k: 2, higherIsBetter: false } }, [1, 2, 4]],
    [{ type: 'topK', topK: { k: 9 } }, [0, 1, 2, 3, 4]],
    [{ type: 'percentile', percentile: { percentile: 75 } }, [0, 1, 3]],
    [{ type: 'percentile', percentile: { percentile: 50, higherIsBetter: false } }, [1, 2, 4]],
    [{ type: 'percentile', percentile: { percentile: 51, higherIsBetter: false } }, [1, 2, 3, 4]],
    [{ type: 'percentile', percentile: { percentile: 0, higherIsBetter: false } }, [1, 2]],
  ])('by %j keeps %j, those without the number included', (algorithm, kept) => {
    expect(keeps(algorithm)).toEqual(kept)
    expect(keeps(algorithm, { onMissing: 'Fail' })).toEqual(kept.filter((place) => place !== 1))
  })

  it('keeps none when none is fit, or all where it is told so', () => {
    const none = { onMissing: 'Fail' }
    expect(keeps(threshold('LessThan', 0), none)).toEqual([])
    expect(keeps(threshold('LessThan', 0), { ...none, fallbackOnEmpty: true })).toEqual([0, 1, 2, 3, 4])
  })

  it('keeps what nobody knows anything of', () => {
    const context = pluginContext({ plugins: { extractor: { type: 'core-metrics-extractor' } } })
    const parameters = { attribute: 'mood', algorithm: threshold('LessThan', 1) }
    expect(left(endpointAttributeFilter.create(parameters, context), candidates)).toEqual([0, 1, 2, 3, 4])
    expect(context.warnings).toEqual([
      'endpoint-attribute-filter: nothing gives the attribute "mood", so no endpoint has it.',
    ])
  })

  it.each([
    [{ type: 'threshold' }, 'threshold'],
    [{ type: 'range', range: { min: 2, max: 1 } }, 'min'],
    [{ type: 'topK', topK: { k: 0 } }, 'k'],
    [{ type: 'percentile', percentile: { percentile: 101 } }, 'percentile'],
    [{ type: 'luck' }, 'type'],
  ])('refuses %j', (algorithm, place) => {
    expect(() => keeps(algorithm)).toThrow(place)
  })
})

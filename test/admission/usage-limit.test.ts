import { describe, expect, test } from 'vitest'
import type { UsageLimitOptions } from '../../src/admission/options.ts'
import { ceilingOf } from '../../src/admission/usage-limit.ts'

function ceilings(limit: UsageLimitOptions, priorities: readonly number[], saturation = 0.5): number[] {
  const bands = priorities.map((priority) => ({ priority, turns: 0 }))
  return priorities.map((_, i) => Number(ceilingOf(limit, bands, i, saturation).toFixed(6)))
}

const holdback = (domain: 'rank' | 'value', minCeiling: number, maxCeiling: number): UsageLimitOptions => ({
  type: 'priority-holdback-policy',
  parameters: { domain, shape: 'linear', minCeiling, maxCeiling },
})

test('static: one threshold for all', () => {
  const limit: UsageLimitOptions = { type: 'static-usage-limit-policy', parameters: { threshold: 0.9 } }
  expect(ceilings(limit, [5, 0, -1])).toEqual([0.9, 0.9, 0.9])
})

describe('holdback', () => {
  test.each([
    { what: 'rank: even steps', limit: holdback('rank', 0.4, 1), priorities: [100, 10, 0], expected: [1, 0.7, 0.4] },
    {
      what: 'rank: four bands',
      limit: holdback('rank', 0, 0.9),
      priorities: [9, 2, 1, -5],
      expected: [0.9, 0.6, 0.3, 0],
    },
    { what: 'rank: one band is not held back', limit: holdback('rank', 0.4, 0.95), priorities: [-5], expected: [0.95] },
    {
      what: 'value: as far as the priorities lie apart',
      limit: holdback('value', 0.5, 1),
      priorities: [100, 90, 0],
      expected: [1, 0.95, 0.5],
    },
    {
      what: 'value: below zero too',
      limit: holdback('value', 0.2, 0.8),
      priorities: [10, 0, -10],
      expected: [0.8, 0.5, 0.2],
    },
    { what: 'value: one band', limit: holdback('value', 0.2, 0.8), priorities: [3], expected: [0.8] },
  ])('$what', ({ limit, priorities, expected }) => {
    expect(ceilings(limit, priorities)).toEqual(expected)
  })

  test('explicit: as named, and 0 where not', () => {
    const limit: UsageLimitOptions = {
      type: 'priority-holdback-policy',
      parameters: { domain: 'explicit', ceilings: { '100': 0.95, '-10': 0.3 } },
    }
    expect(ceilings(limit, [100, 50, -10])).toEqual([0.95, 0, 0.3])
    expect(ceilings(limit, [-10])).toEqual([0.3])
  })
})

describe('soft reflective ceiling', () => {
  const limit: UsageLimitOptions = { type: 'soft-reflective-ceiling-policy', parameters: {} }

  test.each([
    // The second of three bands reflects at s < 1 - s/2, the third at s < 1 - s.
    { saturation: 0.4, expected: [1, 1, 1] },
    { saturation: 0.66, expected: [1, 1, 0] },
    { saturation: 1, expected: [1, 0, 0] },
    { saturation: 3, expected: [1, 0, 0] },
  ])('three bands at $saturation', ({ saturation, expected }) => {
    expect(ceilings(limit, [2, 1, 0], saturation)).toEqual(expected)
  })

  test('a single band is always open', () => {
    expect(ceilings(limit, [-1], 0.99)).toEqual([1])
  })

  test.each([
    { saturation: 0.5, period: 1 },
    { saturation: 0.65, period: 2 },
    { saturation: 0.75, period: 3 },
    { saturation: 0.9, period: 9 },
    { saturation: 0.99, period: 99 },
  ])('above its ceiling, at $saturation, the lower band is open once in $period', ({ saturation, period }) => {
    const bands = [
      { priority: 1, turns: 0 },
      { priority: 0, turns: 0 },
    ]
    const opened = Array.from({ length: 4 * period }, () => ceilingOf(limit, bands, 1, saturation))
    expect(opened).toEqual(Array.from({ length: 4 * period }, (_, i) => ((i + 1) % period === 0 ? 1 : 0)))
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { median, percentile } from '../../bench/statistics.ts'

const values = fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 50 })

describe('percentile', () => {
  test('takes the nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
    expect(percentile(hundred, 50)).toBe(50)
    expect(percentile(hundred, 99)).toBe(99)
    expect(percentile([7, 3], 50)).toBe(3)
    expect(percentile([7, 3], 51)).toBe(7)
  })

  test('has at least its share of the values at or below it, and no smaller value has', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 100 }), (list, percent) => {
        const result = percentile(list, percent)
        const shareUpTo = (limit: number) => (100 * list.filter((value) => value <= limit).length) / list.length
        expect(list).toContain(result)
        expect(shareUpTo(result)).toBeGreaterThanOrEqual(percent)
        for (const smaller of list.filter((value) => value < result)) expect(shareUpTo(smaller)).toBeLessThan(percent)
      }),
    )
  })

  test('of nothing is not a number', () => {
    expect(percentile([], 50)).toBeNaN()
  })
})

describe('median', () => {
  test('sorts by value, not by text', () => {
    expect(median([100, 9, 20])).toBe(20)
  })

  test('is the mean of the middle two of an even count', () => {
    expect(median([4, 1, 3, 100])).toBe(3.5)
  })

  test('leaves its input alone', () => {
    const list = [3, 1, 2]
    median(list)
    expect(list).toEqual([3, 1, 2])
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Buckets, bucketsOf, quantileBetween, seriesOf, sumOf } from '../../src/admin/readings.ts'
import { PageValues } from '../../src/telemetry/page-sum.ts'

function pageOf(text: string): PageValues {
  const page = new PageValues()
  page.read(text)
  return page
}

test('labels are read as they were meant, escapes and all', () => {
  const page = pageOf('# HELP a A.\n# TYPE a counter\na{x="1",y="q\\"u\\\\o\\nt"} 2\na{x="2",y=""} 3\n')
  expect([...seriesOf(page, 'a')]).toEqual([
    [{ x: '1', y: 'q"u\\o\nt' }, 2],
    [{ x: '2', y: '' }, 3],
  ])
  expect(sumOf(page, 'a')).toBe(5)
  expect(sumOf(page, 'b')).toBe(0)
})

test('buckets of a histogram come with their bounds', () => {
  const page = pageOf(
    '# HELP t T.\n# TYPE t histogram\nt_bucket{le="0.5"} 1\nt_bucket{le="+Inf"} 3\nt_sum 4\nt_count 3\n',
  )
  expect(bucketsOf(page, 't')).toEqual([
    [0.5, 1],
    [Infinity, 3],
  ])
  expect([sumOf(page, 't', '_count'), sumOf(page, 't', '_sum')]).toEqual([3, 4])
})

describe('a quantile between two readings', () => {
  const bounds = [1, 2, 4, 8, Infinity]
  const reading = (values: readonly number[]): Buckets =>
    bounds.map((bound) => [bound, values.filter((value) => value <= bound).length])

  test('is linear within a bucket, and counts only what is new', () => {
    expect(quantileBetween([], reading([1.5, 1.5, 3, 3]), 0.5)).toBe(2)
    expect(quantileBetween(reading([7, 7, 7]), reading([7, 7, 7, 1.5, 1.5]), 0.5)).toBe(1.5)
  })

  test('is not known when nothing was observed', () => {
    expect(quantileBetween([], reading([]), 0.9)).toBeUndefined()
    expect(quantileBetween(reading([3]), reading([3]), 0.9)).toBeUndefined()
  })

  test('is the last bound when it lies above it', () => {
    expect(quantileBetween([], reading([100]), 0.9)).toBe(8)
  })

  test('lies in the bucket of the true one, for any observations', () => {
    const values = fc.array(fc.double({ min: 0.01, max: 7.99, noNaN: true }), { minLength: 1, maxLength: 50 })
    fc.assert(
      fc.property(values, values, fc.constantFrom(0.5, 0.9), (before, now, quantile) => {
        const sorted = now.toSorted((a, b) => a - b)
        const exact = sorted[Math.ceil(quantile * sorted.length) - 1]
        const upper = bounds.findIndex((bound) => exact <= bound)
        const found = quantileBetween(reading(before), reading([...before, ...now]), quantile)!
        expect(found).toBeGreaterThanOrEqual(bounds[upper - 1] ?? 0)
        expect(found).toBeLessThanOrEqual(bounds[upper])
      }),
    )
  })
})

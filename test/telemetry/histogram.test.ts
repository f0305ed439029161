import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buckets } from '../../src/telemetry/buckets.ts'
import { Histogram, histogramSet } from '../../src/telemetry/histogram.ts'

const bounds = [0.5, 1, 2, 10]

/** Counts of the buckets, the sum behind them. */
function observed(values: readonly number[], times = 1): number[] {
  const histogram = new Histogram(3, bounds)
  const cells = new Float64Array(3 + histogram.size)
  for (const value of values) histogram.observe(cells, value, times)
  expect([...cells.subarray(0, 3)]).toEqual([0, 0, 0])
  return [...cells.subarray(4), cells[3]]
}

describe('a histogram', () => {
  test.each([
    [0, [1, 0, 0, 0, 0, 0]],
    [0.5, [1, 0, 0, 0, 0, 0.5]],
    [0.500001, [0, 1, 0, 0, 0, 0.500001]],
    [1, [0, 1, 0, 0, 0, 1]],
    [2, [0, 0, 1, 0, 0, 2]],
    [10, [0, 0, 0, 1, 0, 10]],
    [11, [0, 0, 0, 0, 1, 11]],
    [Number.POSITIVE_INFINITY, [0, 0, 0, 0, 1, Number.POSITIVE_INFINITY]],
    [-1, [1, 0, 0, 0, 0, -1]],
    [Number.NaN, [0, 0, 0, 0, 0, 0]],
  ])('%d goes to the bucket whose bound it does not exceed', (value, cells) => {
    expect(observed([value])).toEqual(cells)
  })

  test('takes an observation several times', () => {
    expect(observed([1, 11], 3)).toEqual([0, 3, 0, 0, 3, 36])
  })

  test('counts as one that looks at every bound', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1, max: 12, noNaN: true })), (values) => {
        const counts = [...bounds, Number.POSITIVE_INFINITY].map(
          (bound, i, all) => values.filter((value) => value <= bound && (i === 0 || value > all[i - 1])).length,
        )
        expect(observed(values).slice(0, -1)).toEqual(counts)
      }),
    )
  })

  test('shares cells with others, each its own', () => {
    const set = histogramSet({ small: [1], large: [1, 2, 3] })
    const cells = new Float64Array(set.size)
    set.small.observe(cells, 5)
    set.large.observe(cells, 2)
    expect([set.small.count(cells), set.large.count(cells), set.size]).toEqual([1, 1, 8])
    expect([...cells]).toEqual([5, 0, 1, 2, 0, 1, 0, 0])
    const sum = new Float64Array(set.size)
    set.large.add(sum, cells)
    set.large.add(sum, cells)
    expect([...sum]).toEqual([0, 0, 0, 4, 0, 2, 0, 0])
  })
})

describe('the buckets', () => {
  const { genAi, target, ...plain } = buckets
  test.each([plain, genAi, target].flatMap((set) => Object.entries<readonly number[]>(set)))(
    '%s grow',
    (_name, its) => {
      expect(its.length).toBeGreaterThan(8)
      expect([...its].sort((a, b) => a - b)).toEqual([...its])
      expect(new Set(its).size).toBe(its.length)
    },
  )

  test('double where the reference says 32778', () => {
    expect(plain.responseBytes.slice(-3)).toEqual([16_384, 32_768, 65_536])
    expect(plain.promptTokens).toContain(32_768)
    expect([plain.promptTokens.at(-1), plain.outputTokens.at(-1)]).toEqual([1_048_576, 8_192])
    expect([plain.requestBytes[0], plain.requestBytes.at(-1)]).toEqual([64, 2 ** 30])
  })
})

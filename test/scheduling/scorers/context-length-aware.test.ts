import { describe, expect, it } from 'vitest'
import { contextLengthAware } from '../../../src/scheduling/scorers/context-length-aware.ts'
import { pluginContext } from '../context.ts'
import { endpoints, schedulingRequest } from '../endpoints.ts'
import { scoresOf } from './scores.ts'

const label = 'llm-d.ai/context-length-range'
const withRange = (range: string) => endpoints({ labels: { [label]: range } })
const tokens = (count: number) => ({ promptBytes: count * 4 })

describe('a server scores', () => {
  const scorer = contextLengthAware.create(undefined, pluginContext())
  it.each([
    // 0.3 + 0.7 * (0.7 / (1 + width / 10000) + 0.3 * (max - tokens) / width)
    ['0-10000', 0, 0.3 + 0.7 * (0.35 + 0.3)],
    ['0-10000', 5_000, 0.3 + 0.7 * (0.35 + 0.15)],
    ['0-10000', 10_000, 0.3 + 0.7 * 0.35],
    ['2500-5000', 2_500, 0.3 + 0.7 * (0.56 + 0.3)],
    ['512-512', 512, 1],
    // 0.3 / (1 + distance / 1000)
    ['0-2000', 3_000, 0.15],
    ['4000-8000', 1_000, 0.075],
    ['0-2000', 2_001, 0.3 / 1.001],
    ['2000', 100, 0],
    ['8000-2000', 4_000, 0],
    ['-5', 1, 0],
    ['0-', 1, 0],
    ['few-many', 1, 0],
    ['', 1, 0],
  ])('with the range %j, for %i tokens, %f', (range, count, score) => {
    expect(scoresOf(scorer, withRange(range), tokens(count))[0]).toBeCloseTo(score, 12)
  })

  it('0.5 without a range', () => {
    expect(scoresOf(scorer, endpoints({}), tokens(100))).toEqual([0.5])
  })
})

describe('as a filter', () => {
  const candidates = endpoints(
    { labels: { [label]: '0-1000' } },
    { labels: { [label]: '1000-2000' } },
    { labels: { [label]: 'long' } },
    {},
  )
  const left = (enableFiltering: boolean, count: number) =>
    contextLengthAware
      .create({ enableFiltering }, pluginContext())
      .filter(schedulingRequest(tokens(count)), candidates, Math.random)
      .map((endpoint) => candidates.indexOf(endpoint))

  it('keeps all if not told otherwise', () => {
    expect(left(false, 5_000)).toEqual([0, 1, 2, 3])
  })

  it.each([
    [999, [0, 3]],
    [1_000, [0, 1, 3]],
    [1_001, [1, 3]],
    [2_001, [3]],
  ])('keeps, for %i tokens, those in whose range it is and those without one', (count, kept) => {
    expect(left(true, count)).toEqual(kept)
  })
})

it('looks at another label where it is told so', () => {
  const scorer = contextLengthAware.create({ label: 'lengths' }, pluginContext())
  expect(scoresOf(scorer, endpoints({ labels: { lengths: '7-7' } }), tokens(7))).toEqual([1])
})

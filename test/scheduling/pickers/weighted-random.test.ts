import { expect, it } from 'vitest'
import { weightedRandomPicker } from '../../../src/scheduling/pickers/weighted-random.ts'
import { pluginContext } from '../context.ts'
import { equalEndpoints, seededRandom } from '../endpoints.ts'

const candidates = equalEndpoints(3)

function firstPicks(scores: Float64Array, draws: number) {
  const picker = weightedRandomPicker.create(undefined, pluginContext())
  const random = seededRandom()
  const counts = [0, 0, 0]
  for (let i = 0; i < draws; i += 1) counts[candidates.indexOf(picker.pick(candidates, scores, random)[0])] += 1
  return counts
}

it('picks each candidate in proportion to its score', () => {
  const [one, three, none] = firstPicks(Float64Array.of(1, 3, 0), 4_000)
  // Five standard deviations of 4,000 draws at 1/4.
  expect(Math.abs(one - 1_000)).toBeLessThan(137)
  expect(Math.abs(three - 3_000)).toBeLessThan(137)
  expect(none).toBe(0)
})

it('keeps the proportion where scores are tiny', () => {
  const [one, three] = firstPicks(Float64Array.of(1e-12, 3e-12, 0), 4_000)
  expect(Math.abs(one - 1_000)).toBeLessThan(137)
  expect(Math.abs(three - 3_000)).toBeLessThan(137)
})

it('has candidates without a score last', () => {
  const picker = weightedRandomPicker.create({ maxNumOfEndpoints: 3 }, pluginContext())
  for (let i = 0; i < 100; i += 1) {
    expect(picker.pick(candidates, Float64Array.of(0, 0.001, 0), Math.random)[0]).toBe(candidates[1])
  }
})

it('takes the ends of what random gives', () => {
  for (const end of [0, 1 - Number.EPSILON]) {
    expect(
      weightedRandomPicker.create(undefined, pluginContext()).pick(candidates, Float64Array.of(0, 1, 0), () => end),
    ).toEqual([candidates[1]])
  }
})

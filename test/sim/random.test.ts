import { expect, test } from 'vitest'
import { seededRandom } from '../../src/sim/random.ts'

const draws = (seed: number, request: number, count: number) => {
  const random = seededRandom(seed, request)
  return Array.from({ length: count }, random)
}

test('the same seed and request give the same numbers, others give others', () => {
  expect(draws(1, 1, 5)).toEqual(draws(1, 1, 5))
  expect(draws(1, 2, 5)).not.toEqual(draws(1, 1, 5))
  expect(draws(2, 1, 5)).not.toEqual(draws(1, 1, 5))
})

test('the numbers fill [0, 1) evenly, within a request and over the first draws of many requests', () => {
  const within = draws(7, 1, 10_000)
  const across = Array.from({ length: 10_000 }, (_, request) => seededRandom(7, request)())
  for (const numbers of [within, across]) {
    const tenths = Array.from({ length: 10 }, () => 0)
    for (const number of numbers) tenths[Math.floor(number * 10)] += 1
    expect(Math.min(...tenths)).toBeGreaterThan(850)
    expect(Math.max(...tenths)).toBeLessThan(1150)
    expect(tenths).toHaveLength(10)
  }
})

import { describe, expect, test } from 'vitest'
import { hunt } from './hunt.ts'
import { defineTarget } from './target.ts'

/** Breaks on texts with both letters in them, whatever else there is. */
const fragile = defineTarget<{ readonly texts: readonly string[] }>({
  name: 'fragile',
  promise: 'no text has an x before a y',
  generate: (random) => ({
    texts: Array.from({ length: 3 }, () => Array.from({ length: 20 }, () => random.pick([...'abcdefghijxy'])).join('')),
  }),
  check({ texts }) {
    if (texts.some((text) => /x.*y/.test(text))) throw new RangeError('x before y')
  },
})
const budget = { cases: 10_000, cpuSeconds: 60 }

describe('a hunt', () => {
  test('finds what breaks the promise, and leaves out of it what it does without', async () => {
    const { tried, found } = await hunt(fragile, { seed: 1, ...budget })
    expect(found).toMatchObject({ seed: 1, index: tried - 1, input: { texts: ['xy'] } })
    expect(found?.error.message).toBe('x before y')
  })

  test('finds the same by the seed and the index of the case alone', async () => {
    const first = await hunt(fragile, { seed: 7, ...budget })
    const again = await hunt(fragile, { seed: 7, from: first.found!.index, cases: 1, cpuSeconds: 60 })
    expect(again.tried).toBe(1)
    expect(again.found?.input).toEqual(first.found!.input)
  })

  test('ends with its cases, or with its time', async () => {
    const sound = { ...fragile, check: () => {} }
    expect(await hunt(sound, { seed: 1, cases: 100, cpuSeconds: 60 })).toMatchObject({ tried: 100, found: undefined })
    expect(await hunt(sound, { seed: 1, cases: 100, cpuSeconds: 0 })).toMatchObject({ tried: 0, found: undefined })
  })
})

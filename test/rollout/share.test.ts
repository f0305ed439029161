import fc from 'fast-check'
import { expect, test } from 'vitest'
import { shareOut } from '../../src/rollout/share.ts'

const targets = (weights: Readonly<Record<string, number>>) =>
  Object.entries(weights).map(([name, weight]) => ({ name, weight }))

test('the target gets its weight and comes last, the others share the rest by their own weights', () => {
  expect(shareOut(targets({ a: 3, canary: 7, b: 1 }), 'canary', 20)).toEqual(targets({ a: 60, b: 20, canary: 20 }))
})

test.each([
  [0, { stable: 100, canary: 0 }],
  [0.5, { stable: 99.5, canary: 0.5 }],
  [100, { stable: 0, canary: 100 }],
])('at %d %%', (weightPercent, weights) => {
  expect(shareOut(targets({ stable: 1, canary: 1 }), 'canary', weightPercent)).toEqual(targets(weights))
})

test('a target that is given twice is one', () => {
  expect(shareOut([...targets({ stable: 1, canary: 1 }), { name: 'canary', weight: 9 }], 'canary', 5)).toEqual(
    targets({ stable: 95, canary: 5 }),
  )
})

test('there is nothing to share out without the target, or without another one', () => {
  expect(shareOut(targets({ a: 1, b: 1 }), 'canary', 5)).toBeUndefined()
  expect(shareOut(targets({ canary: 1 }), 'canary', 5)).toBeUndefined()
})

test('the weights of any split add up to 100, and none is less than nothing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 2, maxLength: 10 }),
      fc.double({ min: 0, max: 100, noNaN: true }),
      (weights, weightPercent) => {
        const split = weights.map((weight, i) => ({ name: `t${i}`, weight }))
        const shared = shareOut(split, 't1', weightPercent)!
        expect(shared.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(100, 9)
        for (const { weight } of shared) expect(weight).toBeGreaterThanOrEqual(0)
      },
    ),
  )
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ModelRequest, type Route, resolve } from '../../src/request/resolve.ts'
import { shareOut } from '../../src/rollout/share.ts'
import { catalogOf } from './catalog-of.ts'

const onItsWay = {
  resource: 'InferenceModel d/llama',
  plan: undefined,
  phase: 'Progressing',
  step: 0,
  message: undefined,
} as const

/** Two stable targets and one that is rolled out as far as `weightPercent`. */
function rolledOut(weightPercent: number) {
  const own = [
    { name: 'v1', weight: 3 },
    { name: 'canary', weight: 1 },
    { name: 'v0', weight: 1 },
  ]
  const weights = shareOut(own, 'canary', weightPercent)!.map(({ name, weight }) => [name, weight] as const)
  const rollout = { ...onItsWay, target: 'canary', weightPercent }
  const split = { targets: Object.fromEntries(weights), stickyBy: { kind: 'user' }, rollout } as const
  return catalogOf({ pools: ['d/p'], models: { llama: { pool: 'd/p', ...split } } })
}

const asked = (user: string | undefined): ModelRequest => ({
  model: 'llama',
  poolHint: undefined,
  objective: undefined,
  modelRewrite: undefined,
  stickyValue: () => user,
})

function targetOf(catalog: ReturnType<typeof rolledOut>, user: string | undefined, draw = 0): string | undefined {
  return (resolve(catalog, asked(user), false, () => draw) as Route).target?.name
}

describe('users of a target that is rolled out', () => {
  const population = 100_000
  const named: readonly [string, (i: number) => string][] = [
    ['counted users', (i) => `user-${i}`],
    ['API keys', (i) => `Bearer sk-${(i * 2_654_435_761).toString(36)}${i.toString(16)}`],
  ]

  test.each(named)(
    '%s: of 100,000 the share is right to 0.1 percentage points at small weights, and nobody leaves as it grows',
    (_, nameOf) => {
      const users = Array.from({ length: population }, (_, i) => nameOf(i))
      let before: readonly string[] = []
      for (const weight of [0, 0.1, 0.5, 1, 5, 25, 50, 100]) {
        const catalog = rolledOut(weight)
        const cohort = users.filter((user) => targetOf(catalog, user) === 'canary')
        const stayed = new Set(cohort)
        expect(before.filter((user) => !stayed.has(user))).toEqual([])
        // No hash can do better than a fair draw of each user: at 50 % its standard deviation is 0.16.
        const deviation = Math.sqrt((weight * (100 - weight)) / population)
        const tolerance = weight <= 1 ? 0.1 : 3 * deviation
        expect(Math.abs((100 * cohort.length) / population - weight), `${weight} %`).toBeLessThanOrEqual(tolerance)
        before = cohort
      }
    },
  )

  test('whoever has it at one weight has it at every greater one', () => {
    const weight = fc.double({ min: 0, max: 100, noNaN: true })
    fc.assert(
      fc.property(weight, weight, fc.string(), (a, b, user) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)]
        if (targetOf(rolledOut(less), user) === 'canary') expect(targetOf(rolledOut(more), user)).toBe('canary')
      }),
      { numRuns: 2_000 },
    )
  })

  test('whoever does not have it stays with the stable target of before, and these keep their shares', () => {
    const weight = fc.double({ min: 0, max: 100, noNaN: true })
    fc.assert(
      fc.property(weight, fc.string(), (weightPercent, user) => {
        const target = targetOf(rolledOut(weightPercent), user)
        if (target !== 'canary') expect(target).toBe(targetOf(rolledOut(0), user))
      }),
      { numRuns: 2_000 },
    )
    const draws = Array.from({ length: 4_000 }, (_, i) => targetOf(rolledOut(20), undefined, (i + 0.5) / 4_000))
    const countOf = (name: string) => draws.filter((each) => each === name).length
    expect([countOf('v1'), countOf('v0'), countOf('canary')]).toEqual([2_400, 800, 800])
  })

  test.each([0, 2 ** -32, 0.2, 0.5, 0.9999, 1 - 2 ** -32, 1 - 2 ** -53])(
    'at 0 %% and at 100 %% nothing is left to the draw %d',
    (draw) => {
      expect(targetOf(rolledOut(0), undefined, draw)).not.toBe('canary')
      expect(targetOf(rolledOut(100), undefined, draw)).toBe('canary')
    },
  )

  test('requests without the key are drawn by the same weights', () => {
    // The last 0.5 % of what each of the others has.
    expect(targetOf(rolledOut(0.5), undefined, 0.75 * 0.9949)).toBe('v1')
    expect(targetOf(rolledOut(0.5), undefined, 0.75 * 0.9951)).toBe('canary')
    expect(targetOf(rolledOut(0.5), undefined, 0.7501)).toBe('v0')
    expect(targetOf(rolledOut(0.5), undefined, 0.9999)).toBe('canary')
  })
})

test('the route says of what choice the rollout is', () => {
  const rollout = { ...onItsWay, target: 'b', weightPercent: 50 }
  const split = { pool: 'd/p', targets: { a: 50, b: 50 }, rollout }
  const catalog = catalogOf({ pools: ['d/p'], models: { llama: split, plain: { pool: 'd/p', targets: { a: 1 } } } })
  const rolloutOf = (request: ModelRequest) => (resolve(catalog, request, false, () => 0) as Route).rollout
  expect(rolloutOf(asked(undefined))).toBe(rollout)
  expect(rolloutOf({ ...asked(undefined), model: 'plain' })).toBeUndefined()
  // The client's header chose, and not the split.
  expect(rolloutOf({ ...asked(undefined), modelRewrite: 'a' })).toBeUndefined()
})

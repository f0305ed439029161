import { describe, expect, test } from 'vitest'
import { judge, type Sides } from '../../src/rollout/judge.ts'
import { defaultLimits } from '../../src/rollout/limits.ts'
import { addTally, emptyTally, type Tally } from '../../src/rollout/tally.ts'
import { type Random, seededRandom } from '../../src/sim/random.ts'
import { tallyOf } from './rollouts.ts'

/** How one side answers: share of failures, and how many of the others begin within each bound of the metrics, by share. */
type Side = { readonly failing: number; readonly ttft: ReadonlyMap<string, number> }

const bounds = Array.from({ length: 107 }, (_, i) => Number((0.005 * 1.1 ** i).toPrecision(4)))

/** @param quantile the time that a share of answers does not exceed, in seconds */
function spreadOf(quantile: (share: number) => number): ReadonlyMap<string, number> {
  const shares = new Map<string, number>()
  const points = 2000
  for (let i = 0; i < points; i += 1) {
    const bound = String(bounds.find((each) => quantile((i + 0.5) / points) <= each) ?? '+Inf')
    shares.set(bound, (shares.get(bound) ?? 0) + 1 / points)
  }
  return shares
}

const even = (least: number, most: number) => spreadOf((share) => least + (most - least) * share)
/** Prompts of all lengths: half within 0.2 s, one in ten over 0.7 s, and some over 10 s. */
const broad = spreadOf((share) => 0.2 * (share / (1 - share)) ** 0.6)

const healthy: Side = { failing: 0.002, ttft: even(0.04, 0.06) }

const perSecond = 50
const lookSeconds = 2

/** How many of what happens at any time happen, if `expected` do on average. */
function countOf(expected: number, random: Random): number {
  if (expected > 50) return countOf(expected / 2, random) + countOf(expected / 2, random)
  const limit = Math.exp(-expected)
  let count = 0
  for (let product = random(); product > limit; product *= random()) count += 1
  return count
}

function answer(expected: number, { failing, ttft }: Side, random: Random): Tally {
  const counts = [...ttft].map(([bound, share]) => [bound, countOf(expected * (1 - failing) * share, random)] as const)
  const ok = counts.reduce((sum, [, count]) => sum + count, 0)
  return { ...emptyTally, ok, error: countOf(expected * failing, random), ttft: Object.fromEntries(counts) }
}

/** When the target is rolled back, in seconds after the step's beginning; undefined when it is not within `seconds`. */
function rolledBackAfter(target: Side, stable: Side, share: number, seconds: number, step: number, random: Random) {
  let sides: Sides = { target: emptyTally, stable: emptyTally }
  for (let now = lookSeconds; now <= seconds; now += lookSeconds) {
    const requests = perSecond * lookSeconds
    sides = {
      target: addTally(sides.target, answer(requests * share, target, random)),
      stable: addTally(sides.stable, answer(requests * (1 - share), stable, random)),
    }
    if (judge(sides, defaultLimits, step).kind === 'bad') return now
  }
  return undefined
}

/** In how many of `runs` it is rolled back. */
function rollbacks(runs: number, target: Side, stable: Side, { share = 0.005, seconds = 60, step = 0 } = {}): number {
  const random = seededRandom(7, 1)
  let count = 0
  for (let run = 0; run < runs; run += 1) {
    if (rolledBackAfter(target, stable, share, seconds, step, random) !== undefined) count += 1
  }
  return count
}

describe('at 50 requests a second, of which the target gets 0.5 %', () => {
  test.each([
    ['fails always', { ...healthy, failing: 1 }],
    ['fails half of the time', { ...healthy, failing: 0.5 }],
    ['takes twice as long to the first token', { ...healthy, ttft: even(0.08, 0.12) }],
  ])('a target that %s is rolled back within a minute, 19 times out of 20', (_, target) => {
    expect(rollbacks(400, target, healthy)).toBeGreaterThan(0.95 * 400)
  })

  test.each([
    ['has times like theirs', healthy, healthy, 150],
    ['has times that are spread widely, as theirs', { failing: 0, ttft: broad }, { failing: 0, ttft: broad }, 20],
    ['fails as often as they, which is much', { ...healthy, failing: 0.1 }, { ...healthy, failing: 0.1 }, 150],
  ])('a target that %s is rolled back in fewer than one rollout of a hundred', (_, target, stable, runs) => {
    expect(rollbacks(runs, target, stable, { seconds: 180 })).toBeLessThan(runs / 100)
  })
})

test('nor is a good target at a later step, where it has a quarter', () => {
  expect(rollbacks(60, healthy, healthy, { share: 0.25, seconds: 180, step: 2 })).toBe(0)
})

test('a target that is just within the limit for errors is rolled back seldom, however long one looks', () => {
  expect(rollbacks(100, { ...healthy, failing: 0.011 }, healthy, { share: 0.25, seconds: 600, step: 0 })).toBeLessThan(
    3,
  )
})

describe('a verdict', () => {
  const sides = (target: Tally, stable: Tally): Sides => ({ target, stable })

  test('is good when both sides have enough answers and no limit is broken', () => {
    expect(judge(sides(tallyOf(20), tallyOf(4000, 8)), defaultLimits, 0)).toEqual({ kind: 'good' })
  })

  test.each([
    ['the target', tallyOf(19), tallyOf(4000)],
    ['the stable targets', tallyOf(500), tallyOf(19)],
  ])('is left open while %s lack answers', (_, target, stable) => {
    expect(judge(sides(target, stable), defaultLimits, 0)).toEqual({ kind: 'undecided', why: 'answers' })
  })

  test('is left open when a limit is broken by what may be chance', () => {
    expect(judge(sides(tallyOf(29, 1), tallyOf(4000)), defaultLimits, 0)).toEqual({
      kind: 'undecided',
      why: 'errors',
    })
  })

  test('is left open while no answer tells its times', () => {
    const blind = (tally: Tally) => ({ ...tally, ttft: {} })
    expect(judge(sides(blind(tallyOf(50)), blind(tallyOf(4000))), defaultLimits, 0)).toEqual({
      kind: 'undecided',
      why: 'times',
    })
  })

  test('needs no number of answers to be bad', () => {
    const verdict = judge(sides(tallyOf(0, 3), tallyOf(2000)), defaultLimits, 0)
    expect(verdict).toMatchObject({ kind: 'bad', broken: { limit: 'errors', target: 1, stable: 0, isOver: true } })
  })

  test('is never bad by one answer alone', () => {
    expect(judge(sides(tallyOf(0, 1), tallyOf(10_000_000)), defaultLimits, 0).kind).toBe('undecided')
  })

  test('is not bad while all fail alike', () => {
    expect(judge(sides(tallyOf(0, 30), tallyOf(0, 6000)), defaultLimits, 0).kind).not.toBe('bad')
  })

  test('counts answers that were cut off as failures', () => {
    const cut = { ...tallyOf(0), cut: 6, ttft: { 0.1: 6 } }
    expect(judge(sides(cut, tallyOf(2000)), defaultLimits, 0)).toMatchObject({
      kind: 'bad',
      broken: { limit: 'errors' },
    })
  })

  test('minds the answers that have begun but not ended: failures end at once', () => {
    const streaming = { ...tallyOf(0, 3), ttft: { 0.1: 600 } }
    expect(judge(sides(streaming, tallyOf(2000)), defaultLimits, 0).kind).toBe('good')
  })

  test('is bad by the speed of tokens', () => {
    const spoken = (seconds: number, answers: number) => ({ ...tallyOf(answers), tokenTime: { [seconds]: answers } })
    expect(judge(sides(spoken(0.04, 12), spoken(0.02, 2000)), defaultLimits, 0)).toMatchObject({
      kind: 'bad',
      broken: { limit: 'tokens-per-second' },
    })
    expect(judge(sides(spoken(0.022, 50), spoken(0.02, 2000)), defaultLimits, 0).kind).toBe('good')
  })

  test('short answers among long ones do not make a target slow', () => {
    const mixed = (short: number, long: number) => ({
      ...tallyOf(short + long),
      tokenTime: { 0.05: short, 0.02: long },
    })
    expect(judge(sides(mixed(60, 10), mixed(1200, 800)), defaultLimits, 0).kind).toBe('good')
  })
})

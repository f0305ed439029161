import { describe, expect, test } from 'vitest'
import { defaultBandOptions, type FairnessOptions, fairnessKinds } from '../../../src/admission/options.ts'
import { World } from '../items.ts'

function worldOf(fairness: FairnessOptions): World {
  return new World({ defaultRequestTtlMs: 0, defaultBand: { ...defaultBandOptions, maxRequests: undefined, fairness } })
}

const strict: FairnessOptions = { type: 'global-strict-fairness-policy', parameters: {} }
const roundRobin: FairnessOptions = { type: 'round-robin-fairness-policy', parameters: {} }
const leastService = (parameters: object = {}): FairnessOptions => ({
  type: 'program-aware-fairness',
  parameters: fairnessKinds['program-aware-fairness'].parse(parameters),
})

/** Requests `x1`, `x2` … of the flow `x`, that come one after another. */
function come(world: World, flow: string, count: number, from = 1): void {
  world.inFlight = Math.max(world.inFlight, world.capacity)
  for (let i = from; i < from + count; i += 1) {
    expect(world.offer(world.item(`${flow}${i}`, { fairnessId: flow }))).toBe('waiting')
  }
}

/** How many of the served requests belong to each flow. */
function shares(served: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of served) counts[name[0]] = (counts[name[0]] ?? 0) + 1
  return counts
}

describe('global strict', () => {
  test('is one queue, whatever the flows', () => {
    const world = worldOf(strict)
    come(world, 'x', 3)
    come(world, 'y', 1)
    come(world, 'x', 1, 4)
    expect(world.served(5)).toEqual(['x1', 'x2', 'x3', 'y1', 'x4'])
  })
})

describe('round robin', () => {
  test('flows take turns', () => {
    const world = worldOf(roundRobin)
    come(world, 'x', 4)
    come(world, 'y', 2)
    come(world, 'z', 1)
    expect(world.served(7)).toEqual(['x1', 'y1', 'z1', 'x2', 'y2', 'x3', 'x4'])
  })

  test('a flow of 1000 does not hold up a flow of 1', () => {
    const world = worldOf(roundRobin)
    come(world, 'x', 1_000)
    come(world, 'y', 1)
    expect(world.served(2)).toEqual(['x1', 'y1'])
  })

  test('a flow that comes back stands behind the others', () => {
    const world = worldOf(roundRobin)
    come(world, 'x', 1)
    come(world, 'y', 2)
    come(world, 'z', 2)
    expect(world.served(1)).toEqual(['x1'])
    come(world, 'x', 1, 2)
    expect(world.served(5)).toEqual(['y1', 'z1', 'x2', 'y2', 'z2'])
  })

  test('shares differ by one request at most, however unequal the flows', () => {
    const world = worldOf(roundRobin)
    come(world, 'a', 500)
    come(world, 'b', 60)
    come(world, 'c', 200)
    come(world, 'd', 40)
    for (const rounds of [7, 31, 66]) {
      const counts = Object.values(shares(world.served(rounds)))
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
    }
  })
})

describe('least attained service', () => {
  test('serves the flow that has had less', () => {
    const world = worldOf(leastService())
    world.controller.spent(0, 'x', 1_000, 0)
    come(world, 'x', 3)
    come(world, 'y', 2)
    expect(world.served(5)).toEqual(['y1', 'y2', 'x1', 'x2', 'x3'])
  })

  test('an output token counts for two input tokens', () => {
    const world = worldOf(leastService())
    world.controller.spent(0, 'x', 0, 100)
    world.controller.spent(0, 'y', 199, 0)
    come(world, 'x', 1)
    come(world, 'y', 1)
    expect(world.served(2)).toEqual(['y1', 'x1'])
  })

  test('equal service: the one that waits longest', async () => {
    const world = worldOf(leastService())
    come(world, 'y', 1)
    await world.clock.advance(5)
    come(world, 'x', 1)
    come(world, 'z', 1)
    expect(world.served(3)).toEqual(['y1', 'x1', 'z1'])
  })

  test.each([
    // Of x everything and of y nothing was served; x has waited longest. Scores: x = wait weight, y = service weight.
    { weights: { lasWeightService: 0.8, lasWeightHeadWait: 0.2 }, first: 'y1' },
    { weights: { lasWeightService: 0.2, lasWeightHeadWait: 0.8 }, first: 'x1' },
  ])('$weights: $first', async ({ weights, first }) => {
    const world = worldOf(leastService(weights))
    world.controller.spent(0, 'x', 1_000, 0)
    come(world, 'x', 1)
    await world.clock.advance(100)
    come(world, 'y', 1)
    expect(world.served(1)).toEqual([first])
  })

  test('service fades with its half-life', async () => {
    const world = worldOf(leastService({ lasHalfLifeSeconds: 10 }))
    world.controller.spent(0, 'x', 1_000, 0)
    await world.clock.advance(20_000)
    // x has 250 left by now.
    world.controller.spent(0, 'y', 251, 0)
    world.controller.spent(0, 'z', 249, 0)
    come(world, 'x', 1)
    come(world, 'y', 1)
    come(world, 'z', 1)
    expect(world.served(3)).toEqual(['z1', 'x1', 'y1'])
  })

  test('without a half-life, and a time to be forgotten, it stays', async () => {
    const world = worldOf(leastService({ lasHalfLifeSeconds: 0, evictionTtlSeconds: 0 }))
    world.controller.spent(0, 'x', 1_000, 0)
    await world.clock.advance(9_000_000)
    world.controller.spent(0, 'y', 1_001, 0)
    world.controller.spent(0, 'z', 999, 0)
    come(world, 'y', 1)
    come(world, 'x', 1)
    come(world, 'z', 1)
    expect(world.served(3)).toEqual(['z1', 'x1', 'y1'])
  })

  test('a band that is made anew remembers', () => {
    const world = worldOf(leastService())
    world.controller.spent(7, 'x', 1_000, 0)
    world.inFlight = world.capacity
    for (const flow of ['x', 'y']) world.offer(world.item(flow, { fairnessId: flow, priority: 7 }))
    expect(world.served(2)).toEqual(['y', 'x'])
  })

  test('bands of the same policy count together', () => {
    const fairness = leastService()
    const high = { ...defaultBandOptions, priority: 7, fairness }
    const world = new World({ bands: [high], defaultBand: { ...defaultBandOptions, fairness } })
    world.controller.spent(7, 'x', 1_000, 0)
    come(world, 'x', 1)
    come(world, 'y', 1)
    expect(world.served(2)).toEqual(['y1', 'x1'])
  })

  test('flows that come and go stay told apart', () => {
    const world = worldOf(leastService())
    const items = world.fill(...['a', 'b', 'c', 'd'].map((flow) => [flow, { fairnessId: flow }] as const))
    for (const [i, flow] of ['a', 'b', 'c', 'd'].entries()) world.controller.spent(0, flow, 1_000 - 100 * i, 0)
    world.controller.cancel(items[1])
    expect(world.served(3)).toEqual(['d', 'c', 'a'])
  })
})

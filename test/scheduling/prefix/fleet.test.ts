import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { defaultConfiguration } from '../../../src/scheduling/default-configuration.ts'
import { mean, type Outcome, type Policy, playFleet } from './fleet.ts'
import { randomPolicy, referencePolicy, scored, type Weighted } from './policies.ts'
import type { ServerModel } from './simulated-server.ts'
import { type Arrival, conversations, manyAdapters, nothingShared, sharedPrefixes } from './traces.ts'

// What is measured here was measured with real programs, too (8 simulated model servers behind Envoy, 64 shared prefixes of
// 3,000 words, room for 43, 24 requests a second): by chance 279 ms to the first token and 12 % from the cache, with the
// reference endpoint picker 130 ms and 62 %.

/** The scorers of a configuration, as it weighs them. */
function weights({ schedulingProfiles: [profile] }: typeof defaultConfiguration): Weighted[] {
  return profile.plugins.flatMap(({ pluginRef, weight }) => (weight === undefined ? [] : [{ type: pluginRef, weight }]))
}

const defaults = weights(defaultConfiguration)
const examples = join(import.meta.dirname, '..', '..', '..', 'examples', 'scheduling')
const forReplicas = weights(parse(readFileSync(join(examples, 'replicas.yaml'), 'utf8')))

const model: ServerModel = {
  maxRunning: 8,
  // 43 documents of 188 blocks, over 8 servers.
  cacheBlocks: 1011,
  prefillMsPerToken: 0.093,
  prefill: 'parallel',
  decodeMsPerToken: 15,
  adapterSlots: 4,
  adapterLoadMs: 300,
}

type Trace = (perSecond: number, seconds: number, seed: number) => Arrival[]
type Make = (seed: number) => Policy

const byChance: Make = (seed) => randomPolicy(seed)
const reference: Make = (seed) => referencePolicy(seed)
const ours: Make = (seed) => scored(seed, defaults)

/** The mean outcome over two traces. */
function play(make: Make, trace: Trace, perSecond: number, options: Partial<ServerModel> = {}, replicas = 1): Outcome {
  const outcomes = [1, 2].map((seed) =>
    playFleet({
      servers: 8,
      model: { ...model, ...options },
      policies: Array.from({ length: replicas }, (_, i) => make(seed * 10 + i)),
      trace: trace(perSecond, 40, seed),
      tellsUsage: true,
    }),
  )
  const of = (key: keyof Outcome) => mean(outcomes.map((outcome) => outcome[key]))
  return { hitRatio: of('hitRatio'), meanMs: of('meanMs'), p99Ms: of('p99Ms'), meanTotalMs: of('meanTotalMs') }
}

describe('many questions about some documents', () => {
  const chance = play(byChance, sharedPrefixes, 24)
  const other = play(reference, sharedPrefixes, 24)

  it('are simulated as real programs answer them', () => {
    expect(Math.abs(chance.meanMs - 279)).toBeLessThan(25)
    expect(Math.abs(chance.hitRatio - 0.12)).toBeLessThan(0.03)
    expect(Math.abs(other.meanMs - 130)).toBeLessThan(15)
    expect(Math.abs(other.hitRatio - 0.62)).toBeLessThan(0.04)
  })

  it('find their documents more often than with the reference', () => {
    const own = play(ours, sharedPrefixes, 24)
    expect(own.meanMs).toBeLessThan(0.82 * other.meanMs)
    expect(own.p99Ms).toBeLessThanOrEqual(other.p99Ms)
    expect(own.hitRatio).toBeGreaterThan(other.hitRatio + 0.07)
  })

  it.each([12, 36])('do so at %i requests a second, where prompts are computed one after the other', (perSecond) => {
    const own = play(ours, sharedPrefixes, perSecond, { prefill: 'serial' })
    const rival = play(reference, sharedPrefixes, perSecond, { prefill: 'serial' })
    expect(own.meanMs).toBeLessThan(0.8 * rival.meanMs)
    expect(own.p99Ms).toBeLessThan(0.85 * rival.p99Ms)
  })

  it('find them nearly as often behind three replicas that know nothing of each other', () => {
    const alone = play((seed) => scored(seed, forReplicas), sharedPrefixes, 24)
    const three = play((seed) => scored(seed, forReplicas), sharedPrefixes, 24, {}, 3)
    expect(three.hitRatio).toBeGreaterThan(0.95 * alone.hitRatio)
    expect(three.meanMs).toBeLessThan(0.9 * other.meanMs)
    expect(play(reference, sharedPrefixes, 24, {}, 3).hitRatio).toBeLessThan(0.4)
  })
})

describe('prompts that share nothing', () => {
  it.each([12, 24])('of all sizes, %i a second, do not suffer for affinity', (perSecond) => {
    const own = play(ours, nothingShared, perSecond, { prefill: 'serial' })
    const rival = play(reference, nothingShared, perSecond, { prefill: 'serial' })
    expect(own.meanMs).toBeLessThan(0.9 * rival.meanMs)
    expect(own.p99Ms).toBeLessThan(rival.p99Ms)
  })

  it('for more adapters than fit in go where theirs is loaded', () => {
    const own = play(ours, manyAdapters, 36, { prefill: 'serial' })
    const rival = play(reference, manyAdapters, 36, { prefill: 'serial' })
    expect(own.meanMs).toBeLessThan(0.85 * rival.meanMs)
    expect(own.p99Ms).toBeLessThan(0.7 * rival.p99Ms)
  })
})

describe('conversations', () => {
  it('stay where they are, unless it is too full', () => {
    const own = play(ours, conversations, 24, { prefill: 'serial' })
    const rival = play(reference, conversations, 24, { prefill: 'serial' })
    expect(own.hitRatio).toBeGreaterThan(rival.hitRatio - 0.01)
    expect(own.meanMs).toBeLessThan(1.02 * rival.meanMs)
  })
})

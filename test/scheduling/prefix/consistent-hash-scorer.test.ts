import { describe, expect, it } from 'vitest'
import type { Endpoint } from '../../../src/pool/endpoint.ts'
import type { SchedulingRequest } from '../../../src/scheduling/plugin.ts'
import { consistentHashScorer } from '../../../src/scheduling/prefix/consistent-hash-scorer.ts'
import { pluginContext } from '../context.ts'
import { equalEndpoints, schedulingRequest } from '../endpoints.ts'
import { bytesOf, promptRequest } from './prompts.ts'

const prompts = Array.from({ length: 1000 }, (_, i) =>
  promptRequest(Buffer.concat([Buffer.from(`document ${i}: `), bytesOf(i, 200)])),
)

const narrow = { boundedLoadFactor: 1.25 }

function scores(candidates: readonly Endpoint[], request: SchedulingRequest, parameters: unknown = narrow): number[] {
  const scored = new Float64Array(candidates.length)
  consistentHashScorer.create(parameters, pluginContext()).score(request, candidates, scored)
  return [...scored]
}

const firstOf = (candidates: readonly Endpoint[], request: SchedulingRequest, parameters: unknown = narrow): Endpoint =>
  candidates[scores(candidates, request, parameters).indexOf(1)]

describe('the order of servers', () => {
  const fleet = equalEndpoints(8)

  it('has one first, one second, and no others', () => {
    for (const prompt of prompts.slice(0, 50)) {
      expect(scores(fleet, prompt).sort()).toEqual([0, 0, 0, 0, 0, 0, 0.5, 1])
    }
  })

  it('is the same in every replica, in whatever order it has them', () => {
    const replica = equalEndpoints(8).reverse()
    for (const prompt of prompts.slice(0, 200)) {
      expect(firstOf(replica, prompt).address).toBe(firstOf(fleet, prompt).address)
    }
  })

  it('gives each server its share of the prompts', () => {
    const shares = fleet.map((endpoint) => prompts.filter((prompt) => firstOf(fleet, prompt) === endpoint).length)
    for (const share of shares) expect(Math.abs(share - 125)).toBeLessThan(45)
  })

  it('moves the prompts of a server that leaves, to the second of each, and no others', () => {
    const [gone, ...left] = fleet
    for (const prompt of prompts.slice(0, 300)) {
      const before = firstOf(fleet, prompt)
      const expected = before === gone ? fleet[scores(fleet, prompt).indexOf(0.5)] : before
      expect(firstOf(left, prompt)).toBe(expected)
    }
  })

  it('follows from the leading blocks and the model', () => {
    const start = bytesOf(1, 6144)
    const sameStart = prompts.slice(0, 40).map((_, i) => promptRequest(Buffer.concat([start, bytesOf(i, 500)])))
    expect(new Set(sameStart.map((prompt) => firstOf(fleet, prompt).address)).size).toBe(1)
    const deeper = sameStart.map((prompt) => firstOf(fleet, prompt, { leadingBlocks: 65 }).address)
    expect(new Set(deeper).size).toBeGreaterThan(4)
    const models = prompts.slice(0, 40).map((_, i) => firstOf(fleet, { ...sameStart[0], targetModel: `m${i}` }).address)
    expect(new Set(models).size).toBeGreaterThan(4)
  })

  it('is none without a prompt', () => {
    expect(scores(fleet, schedulingRequest())).toEqual(fleet.map(() => 0))
    expect(scores(fleet, promptRequest(Buffer.from('short')))).toEqual(fleet.map(() => 0))
  })
})

describe('a server that has its part of the load', () => {
  // 16 requests and the one to come, on 4 servers: the bound is 1.25 · 17 / 4, so 6.
  const loaded = (first: number, counted: (load: number) => Partial<Endpoint>) => {
    const fleet = equalEndpoints(4)
    const home = fleet.indexOf(firstOf(fleet, prompts[0]))
    const rest = (16 - first) / 3
    const states = fleet.map((endpoint, i) => ({ ...endpoint, ...counted(i === home ? first : rest) }))
    return { home: states[home], next: states[scores(fleet, prompts[0]).indexOf(0.5)], states }
  }
  const inFlight = (load: number): Partial<Endpoint> => ({ inFlight: load })

  it('is passed over', () => {
    const below = loaded(5, inFlight)
    expect(firstOf(below.states, prompts[0])).toBe(below.home)
    const full = loaded(6, inFlight)
    expect(firstOf(full.states, prompts[0])).toBe(full.next)
  })

  it('takes more by a greater factor', () => {
    const { states, home } = loaded(6, inFlight)
    expect(firstOf(states, prompts[0], { boundedLoadFactor: 2 })).toBe(home)
  })

  it('counts what other replicas sent there, too', () => {
    const { states, next } = loaded(6, (load) => ({
      metrics: { ...equalEndpoints(1)[0].metrics, queued: load / 2, running: load / 2 },
    }))
    expect(firstOf(states, prompts[0])).toBe(next)
  })

  it('leaves one that may take the request at any load', () => {
    for (const load of [0, 1, 7]) {
      const fleet = equalEndpoints(5, { inFlight: load })
      expect(scores(fleet, prompts[1], { boundedLoadFactor: 1 })).toContain(1)
    }
  })
})

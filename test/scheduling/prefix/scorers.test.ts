import { describe, expect, it } from 'vitest'
import type { Endpoint } from '../../../src/pool/endpoint.ts'
import type { Plugin, PrefixMatches, SchedulingRequest, Scorer } from '../../../src/scheduling/plugin.ts'
import { noHitLruScorer } from '../../../src/scheduling/prefix/no-hit-lru-scorer.ts'
import { prefixCacheScorer } from '../../../src/scheduling/prefix/prefix-cache-scorer.ts'
import { pluginContext } from '../context.ts'
import { equalEndpoints, schedulingRequest } from '../endpoints.ts'

/** Matches that a test gives for each endpoint. */
function given(total: number, bytes: ReadonlyMap<Endpoint, number>): PrefixMatches {
  return {
    type: 'approx-prefix-cache-producer',
    matchedBytes: (endpoint) => bytes.get(endpoint) ?? 0,
    totalBytes: () => total,
  }
}

function scoresOf(scorer: Scorer, candidates: readonly Endpoint[], request: SchedulingRequest = schedulingRequest()) {
  const scores = new Float64Array(candidates.length + 1).fill(9)
  scorer.score(request, candidates, scores)
  expect(scores[candidates.length]).toBe(9)
  return [...scores.slice(0, candidates.length)]
}

const context = (plugins: Record<string, Plugin>) => pluginContext({ plugins })

describe('prefix-cache-scorer', () => {
  const fleet = equalEndpoints(3)
  const [a, b] = fleet
  const scored = (parameters: unknown, total: number, matched: readonly number[]) => {
    const matches = given(total, new Map(fleet.map((endpoint, i) => [endpoint, matched[i]])))
    return scoresOf(prefixCacheScorer.create(parameters, context({ matches })), fleet)
  }

  it.each([
    ['the share of the prompt', {}, 4096, [0, 1024, 4096], [0, 0.25, 1]],
    ['nothing where the prompt has no block', {}, 0, [0, 0, 0], [0, 0, 0]],
    ['the squared length', { matchLengthWeight: 1 }, 65_536, [0, 8192, 16_384], [0, 1 / 16, 1 / 4]],
    [
      'the length up to the scale',
      { matchLengthWeight: 1, matchLengthScaleTokens: 512 },
      9000,
      [0, 1024, 8192],
      [0, 0.25, 1],
    ],
    ['some of both', { matchLengthWeight: 0.5 }, 32_768, [0, 16_384, 32_768], [0, 0.375, 1]],
  ])('gives %s', (_, parameters, total, matched, expected) => {
    expect(scored(parameters, total, matched)).toEqual(expected)
  })

  it('reads the producer that it names', () => {
    const plugins = { one: given(100, new Map([[a, 50]])), other: given(100, new Map([[b, 50]])) }
    const scorer = prefixCacheScorer.create({ prefixMatchInfoProducerName: 'other' }, context(plugins))
    expect(scoresOf(scorer, fleet)).toEqual([0, 0.5, 0])
  })

  it('warns of parameters that belong to the producer, and works', () => {
    const world = context({ matches: given(100, new Map([[a, 50]])) })
    const scorer = prefixCacheScorer.create({ maxPrefixBlocksToMatch: 256, lruCapacityPerServer: 31250 }, world)
    expect(scoresOf(scorer, fleet)).toEqual([0.5, 0, 0])
    expect(world.warnings).toEqual([
      'prefix-cache-scorer: maxPrefixBlocksToMatch, lruCapacityPerServer belong to approx-prefix-cache-producer and have no effect here',
    ])
  })

  it('refuses what belongs to neither', () => {
    expect(() => prefixCacheScorer.create({ weight: 1 }, context({ matches: given(0, new Map()) }))).toThrow('weight')
    expect(() => prefixCacheScorer.create({ matchLengthWeight: 2 }, context({ matches: given(0, new Map()) }))).toThrow(
      'matchLengthWeight',
    )
  })
})

describe('no-hit-lru-scorer', () => {
  const fleet = equalEndpoints(3)
  const [a, b, c] = fleet

  function world(parameters: unknown = {}) {
    const hits = new Map<Endpoint, number>()
    const scorer = noHitLruScorer.create(parameters, context({ matches: given(100, hits) }))
    return {
      hits,
      scores: (candidates: readonly Endpoint[] = fleet) => scoresOf(scorer, candidates),
      send(endpoint: Endpoint) {
        scoresOf(scorer, fleet)
        scorer.routed?.(schedulingRequest(), endpoint)
      },
    }
  }

  it('has those first that never got a prompt which nobody had, then those whose turn was longest ago', () => {
    const { scores, send } = world()
    expect(scores()).toEqual([1, 1, 1])
    send(a)
    expect(scores()).toEqual([0, 1, 1])
    send(c)
    expect(scores()).toEqual([0.5, 1, 0])
    send(b)
    expect(scores()).toEqual([1, 0, 0.5])
    expect(scores([b, c])).toEqual([0, 1])
    expect(scores([b])).toEqual([1])
  })

  it('has no opinion where some server has a part of the prompt, and takes no note of it', () => {
    const { scores, send, hits } = world()
    send(a)
    hits.set(b, 1)
    expect(scores()).toEqual([0.5, 0.5, 0.5])
    send(b)
    hits.clear()
    expect(scores()).toEqual([0, 1, 1])
  })

  it('forgets the oldest over its size', () => {
    const { scores, send } = world({ lruSize: 1 })
    send(a)
    send(b)
    expect(scores()).toEqual([1, 0, 1])
  })
})

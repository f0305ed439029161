import { describe, expect, it } from 'vitest'
import { prefixCacheAffinityFilter } from '../../../src/scheduling/filters/prefix-cache-affinity.ts'
import { endpoints } from '../endpoints.ts'
import { contextOfAll, prefixMatches } from '../producers/known.ts'
import { left } from './left.ts'

function create(parameters: unknown, matched: Record<string, number>, totalBytes = 1_000) {
  return prefixCacheAffinityFilter.create(parameters, contextOfAll(undefined, prefixMatches(matched, totalBytes)))
}

describe('it keeps', () => {
  it('who has at least the share of the threshold cached', () => {
    const matched = { 'server-0': 799, 'server-1': 800, 'server-2': 1_000 }
    expect(left(create(undefined, matched), endpoints({}, {}, {}))).toEqual([1, 2])
    expect(left(create({ affinityThreshold: 0.99 }, matched), endpoints({}, {}, {}))).toEqual([2])
  })

  it('all when none has, when all have, and when there is no prompt', () => {
    expect(left(create(undefined, {}), endpoints({}, {}))).toEqual([0, 1])
    expect(left(create(undefined, { 'server-0': 1_000, 'server-1': 900 }), endpoints({}, {}))).toEqual([0, 1])
    expect(left(create(undefined, {}, 0), endpoints({}, {}))).toEqual([0, 1])
  })

  it('all when the cached ones are too busy: tokens / throughput beyond the penalty', () => {
    const matched = { 'server-0': 1_000, 'server-1': 1_000 }
    const busy = (tokens: number) =>
      endpoints(
        { inFlightTokens: tokens },
        { inFlightTokens: 99_999_999 },
        { inFlightTokens: 50_000 },
        { inFlightTokens: 99_999 },
      )
    // 18 s of 15,928 tokens a second.
    expect(left(create(undefined, matched), busy(50_000 + 286_704))).toEqual([0, 1])
    expect(left(create(undefined, matched), busy(50_000 + 286_705))).toEqual([0, 1, 2, 3])
    const quick = { maxTTFTPenaltyMs: 5_000, peakPrefillThroughput: 1_000 }
    expect(left(create(quick, matched), busy(55_000))).toEqual([0, 1])
    expect(left(create(quick, matched), busy(55_001))).toEqual([0, 1, 2, 3])
  })

  it('the cached ones however busy they are with a penalty of 0', () => {
    const candidates = endpoints({ inFlightTokens: 1e9 }, {})
    expect(left(create({ maxTTFTPenaltyMs: 0 }, { 'server-0': 1_000 }), candidates)).toEqual([0])
  })

  it('all now and then where it is told to explore', () => {
    const filter = create({ explorationProbability: 0.01 }, { 'server-0': 1_000 })
    expect(left(filter, endpoints({}, {}), {}, () => 0.0099)).toEqual([0, 1])
    expect(left(filter, endpoints({}, {}), {}, () => 0.01)).toEqual([0])
  })
})

it('goes by throughput where it is told to go by predictions, and says so', () => {
  const context = contextOfAll(undefined, prefixMatches({ 'server-0': 100 }))
  const filter = prefixCacheAffinityFilter.create({ ttftSource: 'latencyPredictor' }, context)
  expect(left(filter, endpoints({}, {}))).toEqual([0])
  expect(context.warnings).toEqual([
    'prefix-cache-affinity-filter: latencies are not predicted here; it goes by peakPrefillThroughput.',
  ])
})

it.each([{ affinityThreshold: 1.1 }, { peakPrefillThroughput: 0 }, { ttftSource: 'guess' }, { maxTTFTPenaltyMs: -1 }])(
  'refuses %j',
  (parameters) => {
    expect(() => create(parameters, {})).toThrow(Object.keys(parameters)[0])
  },
)

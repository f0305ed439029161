import { expect, it } from 'vitest'
import { latencyScorer } from '../../../src/scheduling/scorers/latency.ts'
import { pluginContext } from '../context.ts'
import { endpoints } from '../endpoints.ts'
import { contextOfAll, prefixMatches } from '../producers/known.ts'
import { scoresOf } from './scores.ts'

const candidates = endpoints({ kvUsage: 0.5, queued: 4 }, { kvUsage: 0.25, queued: 1 }, { kvUsage: 1 })
const context = () => contextOfAll(undefined, prefixMatches({ 'server-0': 80, 'server-2': 20 }))

it('is the mean of free cache, short queue and cached prefix', () => {
  const scores = scoresOf(latencyScorer.create(undefined, context()), candidates)
  const expected = [(0.5 + 0 + 0.8) / 3, (0.75 + 0.75 + 0) / 3, (0 + 1 + 0.2) / 3]
  for (const [i, score] of expected.entries()) expect(scores[i]).toBeCloseTo(score, 12)
})

it('weighs them', () => {
  const parameters = { compositeKVWeight: 3, compositeQueueWeight: 1, compositePrefixWeight: 0 }
  expect(scoresOf(latencyScorer.create(parameters, pluginContext()), candidates)).toEqual([0.375, 0.75, 0.25])
})

it('goes by the cache where all weights are 0', () => {
  const parameters = { compositeKVWeight: 0, compositeQueueWeight: 0, compositePrefixWeight: 0 }
  expect(scoresOf(latencyScorer.create(parameters, pluginContext()), candidates)).toEqual([0.5, 0.75, 0])
})

it('takes a prompt that is too short to be cached', () => {
  const none = contextOfAll(undefined, prefixMatches({}, 0))
  expect(scoresOf(latencyScorer.create(undefined, none), endpoints({}))[0]).toBeCloseTo(2 / 3, 12)
})

it('says that there are no predictions', () => {
  const warned = context()
  latencyScorer.create({ ttftWeight: 1, headroomSelectionStrategy: 'most' }, warned)
  expect(warned.warnings).toEqual([
    'latency-scorer: latencies are not predicted here; it goes by KV cache, queue and cached prefix.',
  ])
})

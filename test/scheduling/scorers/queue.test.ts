import { expect, it } from 'vitest'
import { queueScorer } from '../../../src/scheduling/scorers/queue.ts'
import { pluginContext } from '../context.ts'
import { endpoints } from '../endpoints.ts'
import { scoresOf } from './scores.ts'

const scorer = queueScorer.create(undefined, pluginContext())

it('scores the shortest queue 1, the longest 0, others between', () => {
  expect(scoresOf(scorer, endpoints({ queued: 2 }, { queued: 10 }, { queued: 4 }))).toEqual([1, 0, 0.75])
})

it('scores equal queues 1', () => {
  expect(scoresOf(scorer, endpoints({ queued: 7 }, { queued: 7 }))).toEqual([1, 1])
  expect(scoresOf(scorer, endpoints({ queued: 7 }))).toEqual([1])
})

it('looks at nothing else', () => {
  expect(scoresOf(scorer, endpoints({ running: 9, kvUsage: 1, inFlight: 9 }, {}))).toEqual([1, 1])
})

import { expect, it } from 'vitest'
import { runningRequestsSizeScorer } from '../../../src/scheduling/scorers/running-requests-size.ts'
import { pluginContext } from '../context.ts'
import { endpoints } from '../endpoints.ts'
import { scoresOf } from './scores.ts'

const scorer = runningRequestsSizeScorer.create(undefined, pluginContext())

it('scores the fewest running requests 1, the most 0, others between', () => {
  expect(scoresOf(scorer, endpoints({ running: 0 }, { running: 8 }, { running: 6 }))).toEqual([1, 0, 0.25])
})

it('scores equal numbers 1', () => {
  expect(scoresOf(scorer, endpoints({ running: 7 }, { running: 7 }))).toEqual([1, 1])
})

it('looks at nothing else', () => {
  expect(scoresOf(scorer, endpoints({ queued: 9, kvUsage: 1, inFlight: 9 }, {}))).toEqual([1, 1])
})

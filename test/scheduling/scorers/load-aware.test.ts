import { expect, it } from 'vitest'
import { loadAwareScorer } from '../../../src/scheduling/scorers/load-aware.ts'
import { pluginContext } from '../context.ts'
import { endpoints } from '../endpoints.ts'
import { scoresOf } from './scores.ts'

it('scores from 0.5 for no queue down to 0 at the threshold and beyond', () => {
  const candidates = endpoints({ queued: 0 }, { queued: 32 }, { queued: 128 }, { queued: 500 })
  expect(scoresOf(loadAwareScorer.create(undefined, pluginContext()), candidates)).toEqual([0.5, 0.375, 0, 0])
})

it('takes another threshold', () => {
  const scorer = loadAwareScorer.create({ threshold: 10 }, pluginContext())
  expect(scoresOf(scorer, endpoints({ queued: 5 }))).toEqual([0.25])
})

it('refuses a threshold of 0', () => {
  expect(() => loadAwareScorer.create({ threshold: 0 }, pluginContext())).toThrow('threshold')
})

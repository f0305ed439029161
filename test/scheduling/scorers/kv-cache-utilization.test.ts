import { expect, it } from 'vitest'
import { kvCacheUtilizationScorer } from '../../../src/scheduling/scorers/kv-cache-utilization.ts'
import { pluginContext } from '../context.ts'
import { endpoints } from '../endpoints.ts'
import { scoresOf } from './scores.ts'

it('scores by the free share of the cache, whatever the others have', () => {
  const scorer = kvCacheUtilizationScorer.create(undefined, pluginContext())
  expect(scoresOf(scorer, endpoints({ kvUsage: 0 }, { kvUsage: 0.75 }, { kvUsage: 1 }))).toEqual([1, 0.25, 0])
  expect(scoresOf(scorer, endpoints({ kvUsage: 0.75 }))).toEqual([0.25])
})

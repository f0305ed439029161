import { expect, test } from 'vitest'
import { createConfiguration } from '../../src/scheduling/configuration.ts'
import type { PrefixMatches } from '../../src/scheduling/plugin.ts'
import { createScheduler } from '../../src/scheduling/scheduler.ts'
import { headText } from '../../src/telemetry/family.ts'
import { SchedulingTimes, sampleEvery } from '../../src/telemetry/scheduling-times.ts'
import { endpoints, schedulingRequest, seededRandom } from '../scheduling/endpoints.ts'
import { parsePage } from './text-format.ts'

const value = {
  apiVersion: 'llm-d.ai/v1alpha1',
  kind: 'EndpointPickerConfig',
  plugins: [{ type: 'reachable-filter' }, { type: 'queue-scorer' }, { type: 'max-score-picker' }],
  schedulingProfiles: [
    {
      name: 'default',
      plugins: [
        { pluginRef: 'reachable-filter' },
        { pluginRef: 'queue-scorer', weight: 2 },
        { pluginRef: 'max-score-picker' },
      ],
    },
  ],
}
const configuration = createConfiguration(
  { value, origin: { place: () => 'a test' } },
  { nowMs: () => 0, staleAfterMs: (thresholdMs) => thresholdMs },
)
const servers = endpoints({ queued: 3 }, { queued: 0 }, { queued: 5 })

/** A clock that says a millisecond more each time. */
function world(producers: readonly PrefixMatches[] = []) {
  let nowMs = 0
  const times = new SchedulingTimes(() => {
    nowMs += 1
    return nowMs
  })
  const timed = times.timed(configuration)
  const scheduler = times.timedScheduler(createScheduler(timed, { keepsScores: true }), producers)
  const lines = () => {
    const page = times.families('x').map((family) => headText(family) + [...family.pieces()].join(''))
    return [...parsePage(page.join('')).values()].flatMap(({ samples }) =>
      samples
        .filter(({ name }) => name.endsWith('_count') || name.endsWith('_sum'))
        .map(({ name, labels, value }) => `${name}{${Object.values(labels)}} ${value}`),
    )
  }
  return { scheduler, lines }
}

test('decisions are the same as without', () => {
  const plain = createScheduler(configuration, { keepsScores: true })
  const { scheduler } = world()
  for (let i = 0; i < 2 * sampleEvery; i += 1) {
    const expected = plain.schedule(schedulingRequest(), servers, seededRandom(i + 1))
    expect(scheduler.schedule(schedulingRequest(), servers, seededRandom(i + 1))).toEqual(expected)
  }
  expect(plain.schedule(schedulingRequest(), servers, seededRandom()).endpoints[0]).toBe(servers[1])
})

test('every decision is timed, one in some has its plugins timed', () => {
  const { scheduler, lines } = world()
  for (let i = 0; i < sampleEvery - 1; i += 1) scheduler.schedule(schedulingRequest(), servers, seededRandom())
  expect(lines()).toEqual([
    expect.stringMatching(/^x_scheduler_e2e_duration_seconds_sum\{\} 0\.0150*\d?$/),
    'x_scheduler_e2e_duration_seconds_count{} 15',
  ])
  scheduler.schedule(schedulingRequest(), servers, seededRandom())
  expect(lines().filter((line) => line.includes('plugin_duration_seconds_count'))).toEqual(
    [
      'Filter,reachable-filter,reachable-filter',
      'Scorer,queue-scorer,queue-scorer',
      'Picker,max-score-picker,max-score-picker',
    ].map((labels) => `x_plugin_duration_seconds_count{${labels}} 1`),
  )
  expect(lines()).toContain('x_plugin_duration_seconds_sum{Scorer,queue-scorer,queue-scorer} 0.001')
  // Two readings for each of three plugins, and the one that ends the whole.
  expect(lines()[1]).toBe('x_scheduler_e2e_duration_seconds_count{} 16')
  expect(lines()[0]).toMatch(/_sum\{\} 0\.022/)
})

test('what is found of prompts is that of the chosen endpoint', () => {
  const matches = {
    type: 'matches',
    matchedBytes: (endpoint: unknown) => (endpoint === servers[1] ? 300 : 1_000),
    totalBytes: () => 1_200,
  }
  const { scheduler, lines } = world([matches])
  scheduler.schedule(schedulingRequest(), servers, seededRandom())
  scheduler.schedule(schedulingRequest(), [], seededRandom())
  expect(lines().filter((line) => line.includes('prefix'))).toEqual([
    'x_prefix_indexer_hit_ratio_sum{} 0.25',
    'x_prefix_indexer_hit_ratio_count{} 1',
    'x_prefix_indexer_hit_bytes_sum{} 300',
    'x_prefix_indexer_hit_bytes_count{} 1',
  ])
})

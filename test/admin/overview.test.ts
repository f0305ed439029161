import { beforeEach, describe, expect, test } from 'vitest'
import { maxShown, statesPerModelCount } from '../../src/admin/limits.ts'
import { Overview } from '../../src/admin/overview.ts'
import { sampleFields } from '../../src/admin/wire.ts'
import type { Catalog, ModelRule, Pool } from '../../src/catalog/catalog.ts'
import { emptyCatalog } from '../../src/catalog/catalog.ts'
import type { Problem } from '../../src/catalog/problem.ts'
import type { Explanation } from '../../src/explain/explanation.ts'
import { LivePools } from '../../src/pool/live-pools.ts'
import { ManualClock } from '../pool/manual-clock.ts'
import { metricsOf } from './serving.ts'

const pool: Pool = {
  key: 'default/pool',
  namespace: 'default',
  name: 'pool',
  selector: [['app', 'model']],
  targetPorts: [8000],
  appProtocol: 'http',
}

const rule = (modelName: string): ModelRule => ({
  source: `InferenceModel default/${modelName}`,
  modelName,
  pool,
  priority: 1,
  targets: [
    { name: `${modelName}-v1`, weight: 90, literal: Buffer.from('') },
    { name: `${modelName}-v2`, weight: 10, literal: Buffer.from('') },
  ],
  totalWeight: 100,
  stickyBy: { kind: 'header', name: 'x-user' },
  rollout: undefined,
})

function catalogOf(names: readonly string[]): Catalog {
  const routes = names.map((name) => [name, { rules: [rule(name)], weights: [1], totalWeight: 1 }] as const)
  return { ...emptyCatalog, pools: new Map([[pool.key, pool]]), models: new Map(routes) }
}

const server = (name: string, last: number) => ({
  name,
  namespace: 'default',
  address: `10.0.${last >> 8}.${last & 255}`,
  port: 8000,
  labels: { app: 'model' },
})

let clock: ManualClock
let pools: LivePools
let catalog: Catalog
let problems: Problem[]
let decisions: Explanation[]
let metrics: ReturnType<typeof metricsOf>
/** Counters as the service has them. */
let counted: { routed: number; shed: number; picks: Record<string, number>; models: Record<string, number> }
let overview: Overview

beforeEach(() => {
  clock = new ManualClock()
  pools = new LivePools()
  catalog = catalogOf(['a', 'b'])
  problems = []
  decisions = []
  counted = { routed: 0, shed: 0, picks: {}, models: {} }
  pools.update(catalog, [server('one', 1), server('two', 2)])
  metrics = metricsOf(() =>
    [
      '# HELP signalbox_requests_total R.\n# TYPE signalbox_requests_total counter',
      `signalbox_requests_total{result="routed"} ${counted.routed}`,
      `signalbox_requests_total{result="saturated"} ${counted.shed}`,
      '# HELP signalbox_endpoint_requests_total P.\n# TYPE signalbox_endpoint_requests_total counter',
      ...Object.entries(counted.picks).map(
        ([address, count]) => `signalbox_endpoint_requests_total{endpoint="e",address="${address}"} ${count}`,
      ),
      '# HELP signalbox_queue_requests Q.\n# TYPE signalbox_queue_requests gauge',
      'signalbox_queue_requests{inference_pool="pool",priority="-1"} 3',
      'signalbox_queue_requests{inference_pool="pool",priority="5"} 1',
      '# HELP inference_extension_flow_control_pool_saturation S.\n# TYPE inference_extension_flow_control_pool_saturation gauge',
      'inference_extension_flow_control_pool_saturation{inference_pool="pool"} 0.75',
      '# HELP inference_objective_request_total M.\n# TYPE inference_objective_request_total counter',
      ...Object.entries(counted.models).map(
        ([model, count]) =>
          `inference_objective_request_total{model_name="${model}",target_model_name="${model}-v1",priority="1"} ${count}`,
      ),
      '',
    ].join('\n'),
  )
  overview = new Overview({
    clock,
    pools,
    metrics,
    catalog: () => catalog,
    problems: () => problems,
    poolName: (key) => key.split('/')[1],
    decisions: () => decisions,
  })
})

/** So many seconds, one update each. */
async function seconds(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await clock.advance(1_000)
    await overview.update()
  }
}

const sampleOf = (field: (typeof sampleFields)[number]) => overview.state(1).sample[sampleFields.indexOf(field)]

test('rates are of the time since the second before, and nothing before the first two', async () => {
  counted.routed = 1_000
  await seconds(1)
  expect(sampleOf('sent')).toBe(0)
  counted.routed = 1_050
  counted.shed = 4
  await clock.advance(1_000)
  await seconds(1)
  expect([sampleOf('sent'), sampleOf('shed'), sampleOf('ttftP50Seconds')]).toEqual([25, 2, null])
})

test('a counter that begins anew, as after a restart, is no negative rate', async () => {
  counted.routed = 1_000
  await seconds(1)
  counted.routed = 3
  await seconds(1)
  expect(sampleOf('sent')).toBe(0)
})

test('pools have their queues by priority, the highest first, and how full they are', async () => {
  await seconds(1)
  expect(overview.state(1).pools.shown).toEqual([
    {
      key: 'default/pool',
      saturation: 0.75,
      endpoints: 2,
      reachable: 2,
      inFlight: 0,
      waiting: [
        { priority: 5, requests: 1 },
        { priority: -1, requests: 3 },
      ],
      queued: 0,
      running: 0,
      kvUsage: 0,
    },
  ])
  expect(sampleOf('waiting')).toBe(4)
})

test('endpoints come by what they get, with the age of their metrics', async () => {
  const [, two] = pools.endpointsOf(pool.key)
  two.metrics = {
    ...two.metrics,
    kvUsage: 0.5,
    running: 2,
    activeAdapters: new Set(['x']),
    maxAdapters: 4,
    updatedAtMs: 500,
  }
  await seconds(1)
  counted.picks = { '10.0.0.2:8000': 10 }
  await seconds(1)
  const [first, second] = overview.state(1).endpoints.shown
  expect(first).toMatchObject({ name: 'two', picks: 10, ageMs: 1_500, kvUsage: 0.5, adapters: ['x'], maxAdapters: 4 })
  expect(second).toMatchObject({ name: 'one', picks: 0, ageMs: null })
  expect(
    overview
      .history()
      .endpoints.map(({ name }) => name)
      .sort(),
  ).toEqual(['one', 'two'])
})

test('models have shares, what keeps users, and rates that are read more rarely', async () => {
  await seconds(1)
  counted.models = { b: 10 * statesPerModelCount }
  await seconds(statesPerModelCount)
  const [first] = overview.state(1).models.shown
  expect(first).toEqual({
    name: 'b',
    pool: 'default/pool',
    source: 'InferenceModel default/b',
    priority: 1,
    stickyBy: 'header x-user',
    targets: [
      { name: 'b-v1', share: 0.9, requests: 10 },
      { name: 'b-v2', share: 0.1, requests: 0 },
    ],
    rollout: null,
    requests: 10,
    errors: 0,
  })
  await seconds(1)
  expect(metrics.asked).not.toContain('inference_objective_request_total')
})

test('a model that is rolled out comes first, with its phase', async () => {
  const rollout = {
    resource: 'InferenceModel default/b',
    target: 'b-v2',
    plan: undefined,
    weightPercent: 10,
    phase: 'RolledBack',
    step: 1,
    message: 'too many errors',
  } as const
  const rolled = { rules: [{ ...rule('b'), rollout }], weights: [1], totalWeight: 1 }
  catalog = { ...catalog, models: new Map([...catalog.models, ['b', rolled]]) }
  counted.models = { a: 1 }
  await seconds(1)
  const [first] = overview.state(1).models.shown
  expect(first.name).toBe('b')
  expect(first.rollout).toEqual({
    target: 'b-v2',
    weightPercent: 10,
    phase: 'RolledBack',
    message: 'too many errors',
    steps: [],
    step: 1,
  })
})

describe('of very many', () => {
  test('only some are shown, and a search finds the others', async () => {
    catalog = catalogOf(Array.from({ length: 10_000 }, (_, i) => `model-${i}`))
    pools.update(
      catalog,
      Array.from({ length: 1_000 }, (_, i) => server(`server-${i}`, i)),
    )
    await seconds(2)
    const state = overview.state(1)
    expect([state.endpoints.total, state.endpoints.shown.length]).toEqual([1_000, maxShown.endpoints])
    expect([state.models.total, state.models.shown.length]).toEqual([10_000, maxShown.models])
    expect(JSON.stringify(state).length).toBeLessThan(100_000)
    expect(overview.findModels('MODEL-9999').shown.map(({ name }) => name)).toEqual(['model-9999'])
    expect(overview.findModels('model').shown).toHaveLength(maxShown.search)
    expect(overview.findEndpoints('server-999').shown.map(({ name }) => name)).toEqual(['server-999'])
    expect(overview.findEndpoints('no such').total).toBe(0)
  })

  test('problems are counted, and the first are told', async () => {
    problems = Array.from({ length: 200 }, (_, i) => {
      return { severity: 'error', place: `a.yaml:${i}:1`, path: '', message: 'wrong' } as const
    })
    expect(overview.state(1).problems).toMatchObject({ total: 200, shown: { length: maxShown.problems } })
  })
})

test('a decision keeps its number, and is found by it as long as it is kept', () => {
  const decision = (summary: string) =>
    ({
      at: '2026-01-01T00:00:00Z',
      outcome: 'endpoint',
      summary,
      endpoints: [{ name: 'one', rank: 1 }],
    }) as unknown as Explanation
  const [older, newer] = [decision('older'), decision('newer')]
  decisions = [older]
  const [{ id }] = overview.state(1).decisions
  decisions = [newer, older]
  expect(overview.state(1).decisions.map(({ summary, endpoint }) => [summary, endpoint])).toEqual([
    ['newer', 'one'],
    ['older', 'one'],
  ])
  expect(overview.decision(id)).toBe(older)
  decisions = [newer]
  expect(overview.decision(id)).toBeUndefined()
})

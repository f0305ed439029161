import { describe, expect, test } from 'vitest'
import type { ClientRequest } from '../../src/explain/client-request.ts'
import type { Explanation } from '../../src/explain/explanation.ts'
import { DecisionTeller, maxRecent, RecentDecisions } from '../../src/explain/recent.ts'
import { completeDecision } from '../../src/explain/surroundings.ts'
import { createScheduler } from '../../src/scheduling/scheduler.ts'
import { joinObservers } from '../../src/telemetry/observers.ts'
import { ManualClock } from '../pool/manual-clock.ts'
import { chat, createStage, hold, load, model, pool, server } from './stage.ts'

const manifests = [
  pool('qwen-pool', 'qwen'),
  model('qwen', 'qwen-pool'),
  pool('empty-pool', 'none'),
  model('lost', 'empty-pool'),
]

function createWatched(count = 3) {
  const told: Explanation[] = []
  const servers = Array.from({ length: count }, (_, i) => server(`qwen-${i}`, 'qwen', `10.0.${i >> 8}.${i & 255}`))
  const stage = createStage({ manifests, servers, decisions: { processes: 1, tell: (each) => void told.push(each) } })
  for (const endpoint of stage.pools.endpointsOf('default/qwen-pool')) load(endpoint, { queued: 1 })
  return { ...stage, told }
}

/** The same with a clock of the test. */
function createTimed(clock: ManualClock, processes: number) {
  const told: Explanation[] = []
  const { context, configuration, pools, routing } = createWatched()
  const teller = new DecisionTeller({
    clock,
    processes,
    dateMs: () => 0,
    trustsHints: true,
    hidesScores: true,
    catalog: () => routing.catalog,
    endpointsOf: (poolKey) => pools.endpointsOf(poolKey),
    saturation: () => 0,
    tell: (each) => void told.push(each),
  })
  const scheduler = teller.watched(createScheduler(teller.recorder.recorded(configuration), { keepsScores: false }))
  const watched = {
    ...context,
    scheduling: { ...context.scheduling, scheduler },
    observer: joinObservers(context.observer, [teller.observer]),
  }
  return { told, serve: (client: ClientRequest) => hold(client, watched, routing).close() }
}

describe('decisions of serving are told', () => {
  test('as they were made: the headers, the scores and the choice', () => {
    const { serve, told, known } = createWatched()
    const { sent } = serve(chat({ model: 'qwen' }))
    const [explanation] = told
    expect(explanation).toMatchObject({ outcome: 'endpoint', model: { asked: 'qwen', by: 'model' }, endpointCount: 3 })
    expect(explanation.sent).toEqual({ ...sent, changesBody: false })
    const [profile] = explanation.profiles
    expect(profile.scorers.map(({ plugin }) => plugin)).toContain('queue-scorer')
    expect(sent!.set).toContainEqual(['x-gateway-destination-endpoint', profile.picked.join(',')])
    const { model: placed } = completeDecision(explanation, known)
    expect(placed!.source).toEqual({
      resource: 'InferenceModel default/qwen',
      place: expect.stringMatching(/^manifests\.yaml:\d+:\d+$/),
    })
  })

  test('and refusals, with what is wrong', () => {
    const { serve, told, known } = createWatched()
    serve(chat({ model: 'lost' }))
    const explanation = completeDecision(told[0], known)
    expect(explanation).toMatchObject({
      outcome: 'refused',
      answer: { status: 503, code: 'no_endpoint' },
      pool: { key: 'default/empty-pool' },
    })
    expect(explanation.findings.map(({ id }) => id)).toEqual(['pool-without-endpoints'])
  })

  test.each([
    [1, 5],
    [2, 3],
    [16, 1],
  ])('by each of %d processes: %d decisions a second and as many refusals', (processes, most) => {
    const clock = new ManualClock()
    const { told, serve } = createTimed(clock, processes)
    const serveMany = () => {
      told.length = 0
      for (let i = 0; i < 20; i += 1) {
        serve(chat({ model: 'qwen' }))
        serve(chat({ model: 'lost' }))
      }
      return Map.groupBy(told, ({ outcome }) => outcome)
    }
    const first = serveMany()
    expect([first.get('endpoint')?.length, first.get('refused')?.length]).toEqual([most, most])
    expect(first.get('endpoint')!.every(({ profiles }) => profiles.length === 1)).toBe(true)
    clock.advance(999)
    expect(serveMany().size).toBe(0)
    clock.advance(1)
    expect(serveMany().get('endpoint')).toHaveLength(most)
  })

  test('without what is secret: prompts, users, keys', () => {
    const { serve, told } = createWatched()
    const body = { model: 'qwen', user: 'secret', messages: [{ role: 'user', content: 'secret' }] }
    serve(chat(body, { authorization: 'Bearer secret', 'x-llm-d-inference-fairness-id': 'secret', cookie: 'secret' }))
    expect(told).toHaveLength(1)
    expect(JSON.stringify(told)).not.toContain('secret')
  })

  test('of a pool with hundreds of endpoints the best, and how many there are', () => {
    const { serve, told } = createWatched(500)
    serve(chat({ model: 'qwen' }))
    const [{ endpoints, endpointCount, profiles }] = told
    expect(endpointCount).toBe(500)
    expect(endpoints).toHaveLength(20)
    expect(endpoints[0].rank).toBe(1)
    expect(profiles[0].scored).toHaveLength(20)
    expect(profiles[0].scored).toEqual(expect.arrayContaining([...profiles[0].picked]))
    expect(JSON.stringify(told).length).toBeLessThan(20_000)
  })
})

test('the last ones are kept, the newest first', () => {
  const recent = new RecentDecisions()
  const { serve, told } = createWatched()
  serve(chat({ model: 'qwen' }))
  const numbered = Array.from({ length: maxRecent + 10 }, (_, i) => ({ ...told[0], summary: `${i}` }))
  for (const each of numbered) recent.add(each)
  expect(recent.list).toEqual(numbered.reverse().slice(0, maxRecent))
})

import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { Explanation } from '../../src/explain/explanation.ts'
import type { Plugin } from '../../src/scheduling/plugin.ts'
import { chat, createStage, load, model, pool, server } from './stage.ts'

const qwens = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address, i) => server(`qwen-${i}`, 'qwen', address))
const manifests = [
  pool('qwen-pool', 'qwen'),
  pool('deepseek-pool', 'deepseek'),
  model('qwen', 'qwen-pool'),
  model('travel', 'qwen-pool', 'targetModels: [{name: travel-v1, weight: 70}, {name: travel-v2, weight: 30}]'),
  model(
    'sticky',
    'qwen-pool',
    'targetModels: [{name: sticky-v1, weight: 50}, {name: sticky-v2, weight: 50}]',
    '{signalbox.dev/sticky-by: user}',
  ),
  model('batch', 'deepseek-pool', 'criticality: Sheddable'),
]
const servers = [...qwens, server('deepseek-0', 'deepseek', '10.0.1.1')]

/** Numbers as given, over and over. */
function drawing(numbers: readonly number[]) {
  let at = 0
  return { random: () => numbers[at++ % numbers.length], rewind: () => void (at = 0) }
}

const weightedRandom = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: queue-scorer}, {type: prefix-cache-scorer}, {type: weighted-random-picker}]
schedulingProfiles:
- name: default
  plugins: [{pluginRef: queue-scorer}, {pluginRef: prefix-cache-scorer, weight: 2}, {pluginRef: weighted-random-picker}]
`

const settings = fc.record({
  draws: fc.array(fc.double({ min: 0, max: 0.999_999, noNaN: true }), { minLength: 8, maxLength: 8 }),
  queues: fc.array(fc.nat(20), { minLength: 4, maxLength: 4 }),
  usages: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
  configuration: fc.constantFrom(undefined, weightedRandom),
  requests: fc.array(
    fc.record({
      model: fc.constantFrom('qwen', 'travel', 'sticky', 'batch', 'unknown', ''),
      user: fc.constantFrom('alice', 'bob', undefined),
      subset: fc.constantFrom(undefined, ['10.0.0.2'], ['10.0.9.9']),
      poolHint: fc.constantFrom(undefined, 'default/qwen-pool', 'default/nobody'),
    }),
    { minLength: 1, maxLength: 4 },
  ),
})

describe('what is explained is what serving does', () => {
  test('with the same state and the same chance: headers, metadata and refusals are the same', async () => {
    await fc.assert(
      fc.asyncProperty(settings, async ({ draws, queues, usages, configuration, requests }) => {
        const { random, rewind } = drawing(draws)
        const stage = createStage({ manifests, servers, random, ...(configuration && { configuration }) })
        for (const [i, endpoint] of [...stage.pools.members.values()].flat().entries()) {
          load(endpoint, { queued: queues[i], kvUsage: usages[i] })
        }
        // Requests stay under way, so that each one is decided in another state.
        for (const { subset, poolHint, ...body } of requests) {
          const client = { ...chat(body), subset, poolHint }
          rewind()
          const explained = await stage.explain(client)
          rewind()
          const { sent, answer } = stage.serve(client)
          expect(explained.sent && { ...explained.sent, changesBody: undefined }).toEqual(
            sent && { ...sent, changesBody: undefined },
          )
          expect(explained.answer && { ...explained.answer, code: undefined }).toEqual(
            answer && { ...answer, code: undefined },
          )
          expect(destinations(explained)).toEqual(destinationIn(sent?.set ?? []))
        }
      }),
      { numRuns: 60 },
    )
  })
})

const destinations = ({ endpoints }: Explanation): string[] =>
  endpoints
    .filter(({ rank }) => rank !== undefined)
    .sort((a, b) => a.rank! - b.rank!)
    .map(({ address }) => address)

const destinationIn = (set: readonly (readonly [string, string])[]): string[] =>
  set.find(([name]) => name === 'x-gateway-destination-endpoint')?.[1].split(',') ?? []

const queueing = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
featureGates: [flowControl]
plugins: [{type: queue-scorer}, {type: concurrency-detector, parameters: {maxConcurrency: 1}}, {type: max-score-picker}]
schedulingProfiles:
- name: default
  plugins: [{pluginRef: queue-scorer}, {pluginRef: max-score-picker}]
saturationDetector: {pluginRef: concurrency-detector}
`

describe('an explanation changes nothing', () => {
  test('of endpoints, of what plugins have learned, of queues, of metrics', async () => {
    const stage = createStage({ manifests, servers })
    const endpoints = [...stage.pools.members.values()].flat()
    for (const endpoint of endpoints) load(endpoint, { queued: 3 })
    const long = { model: 'qwen', messages: [{ role: 'user', content: 'word '.repeat(2_000) }] }
    stage.serve(chat(long)).close()
    // As where a proxy shows no ends of answers: each request says how it is now.
    for (const endpoint of endpoints) endpoint.endsUnseen = true
    const stateOf = async () => ({
      endpoints: endpoints.map((endpoint) => ({ ...endpoint })),
      index: stage.conversing.prefixIndexSize(),
      queues: [...(stage.conversing.queues?.entries() ?? [])].length,
      touched: stage.touched.length,
      held: stage.context.heldMemory.bytes,
      page: (await stage.metricsPage()).split('\n').filter((line) => /^(signalbox|inference|bbr)/.test(line)),
    })
    const before = await stateOf()
    const hooks = ['routed', 'promptRead', 'responseStarted', 'ended'] as const
    const spies = stage.configuration.plugins.flatMap((plugin) =>
      hooks.filter((hook) => plugin[hook] !== undefined).map((hook) => vi.spyOn(plugin as Required<Plugin>, hook)),
    )
    expect(spies.length).toBeGreaterThan(2)
    expect(before.index).toBeGreaterThan(0)
    const other = { ...long, messages: [{ role: 'user', content: 'other '.repeat(2_000) }] }
    for (const body of [long, other, { model: 'travel' }, { model: 'batch' }, { model: 'nobody' }, {}]) {
      await stage.explain(chat(body))
    }
    expect(await stateOf()).toEqual(before)
    expect(spies.flatMap(({ mock }) => mock.calls)).toEqual([])
  })

  test('a full queue is asked and not entered, and it is told where the request would go', async () => {
    const stage = createStage({ manifests, servers, configuration: queueing })
    for (const endpoint of [...stage.pools.members.values()].flat()) load(endpoint, {})
    const under = [1, 2, 3].map(() => stage.serve(chat({ model: 'qwen' })))
    const explained = await stage.explain(chat({ model: 'qwen' }))
    expect(explained.outcome).toBe('waits')
    expect(explained.admission).toMatchObject({ verdict: 'waits', queue: { requests: 0, bytes: 0 } })
    expect(explained.summary).toMatch(/^waits in the queue of InferencePool default\/qwen-pool: /)
    expect(explained.profiles[0].picked).toHaveLength(1)
    expect([...stage.conversing.queues!.entries()].map(([, queue]) => queue.requests)).toEqual([0])
    for (const each of under) each.close()
    expect((await stage.explain(chat({ model: 'qwen' }))).outcome).toBe('endpoint')
  })
})

describe('an explanation tells', () => {
  test('each stage: what was read, target, pool, filters, scores, choice', async () => {
    const stage = createStage({ manifests, servers, random: () => 0.9 })
    const [first, second, third] = stage.pools.endpointsOf('default/qwen-pool')
    load(first, { queued: 9, kvUsage: 0.5 })
    load(second, { queued: 0, kvUsage: 0.25 })
    load(third, { queued: 9, kvUsage: 0.5 })
    third.isReachable = false
    const explained = await stage.explain(chat({ model: 'travel' }))
    expect(explained).toMatchObject({
      outcome: 'endpoint',
      request: { method: 'POST', path: '/v1/chat/completions', contentType: 'application/json', spoofedHeaders: [] },
      body: { format: 'json', kind: 'plain', isInference: true, decided: 'at the end' },
      model: {
        asked: 'travel',
        target: 'travel-v2',
        by: 'model',
        source: { resource: 'InferenceModel default/travel' },
        drawnBy: 'random',
      },
      pool: { key: 'default/qwen-pool', why: 'model', selector: ['app=qwen'] },
      priority: { value: 0, why: 'criticality' },
      admission: { verdict: 'goes' },
      endpointCount: 3,
    })
    expect(explained.model!.targets).toEqual([
      { name: 'travel-v1', share: 0.7, isChosen: false },
      { name: 'travel-v2', share: 0.3, isChosen: true },
    ])
    const [profile] = explained.profiles
    expect(profile.filters).toEqual([{ plugin: 'reachable-filter', removed: [third.address] }])
    expect(profile.scored).toEqual([first.address, second.address])
    const queue = profile.scorers.find(({ plugin }) => plugin === 'queue-scorer')!
    expect(queue).toEqual({ plugin: 'queue-scorer', weight: 2, scores: [0, 1] })
    for (const [i, total] of profile.totals.entries()) {
      expect(total).toBeCloseTo(profile.scorers.reduce((sum, { weight, scores }) => sum + weight * scores[i], 0))
    }
    expect(explained.endpoints.map(({ name, rank }) => [name, rank])).toEqual([
      ['qwen-1', 1],
      ['qwen-0', 2],
      ['qwen-2', undefined],
    ])
  })

  test('how much of a long body was read before the decision', async () => {
    const stage = createStage({ manifests, servers })
    const padded = { model: 'qwen', messages: [{ role: 'user', content: 'x'.repeat(300_000) }] }
    const text = JSON.stringify(padded)
    const client = { ...chat({}), body: Buffer.from(text), headers: [['content-type', 'application/json']] as const }
    const { body } = await stage.explain(client)
    expect(body.decided).toBe('early')
    expect(body.bytesRead).toBeGreaterThan(64 * 1024)
    expect(body.bytesRead).toBeLessThan(text.length)
  })

  test('a compressed body, once it is decoded', async () => {
    const stage = createStage({ manifests, servers })
    const plain = chat({ model: 'qwen' })
    const client = {
      ...plain,
      body: gzipSync(plain.body),
      headers: [...plain.headers, ['content-encoding', 'gzip']] as const,
    }
    const explained = await stage.explain(client)
    expect(explained).toMatchObject({ outcome: 'endpoint', body: { kind: 'compressed' }, model: { asked: 'qwen' } })
  })

  test('names like one that is not served, and the answer that the client gets', async () => {
    const stage = createStage({ manifests, servers, rejectsUnknownModels: true })
    const explained = await stage.explain(chat({ model: 'travle' }))
    expect(explained.outcome).toBe('refused')
    expect(explained.nearNames).toEqual(['travel'])
    expect(explained.answer).toEqual({
      status: 404,
      code: 'model_not_found',
      details: 'signalbox_model_not_found',
      message: 'the model "travle" is not served here; did you mean "travel"?',
    })
  })

  test('nothing of the prompt and no values of headers that are not ours', async () => {
    const stage = createStage({ manifests, servers })
    const client = chat(
      { model: 'qwen', user: 'user-secret', messages: [{ role: 'user', content: 'prompt-secret' }] },
      {
        authorization: 'Bearer key-secret',
        'x-llm-d-inference-objective': 'objective-secret',
        cookie: 'cookie-secret',
      },
    )
    expect(JSON.stringify(await stage.explain(client))).not.toMatch(/secret/)
  })
})

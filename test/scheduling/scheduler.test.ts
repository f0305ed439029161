import { describe, expect, it } from 'vitest'
import type { SchedulingConfiguration } from '../../src/scheduling/configuration.ts'
import type { Plugin, Producer, Scheduled, Usage } from '../../src/scheduling/plugin.ts'
import { createScheduler } from '../../src/scheduling/scheduler.ts'
import { configured } from './configured.ts'
import { endpoints, schedulingRequest, seededRandom } from './endpoints.ts'

/** A plain configuration with other plugins beside. */
function beside(...plugins: Plugin[]): SchedulingConfiguration {
  const plain = configured('plugins: [{type: queue-scorer}]')
  return { ...plain, plugins: [...plain.plugins, ...plugins] }
}

const [a, b, c] = endpoints({ name: 'a' }, { name: 'b' }, { name: 'c' })
const random = seededRandom()
const scheduled: Scheduled = {
  endpoints: [a, b],
  profileName: 'decode',
  helpers: [c],
  helperProfiles: ['prefill'],
  headers: [],
  scores: [],
}
const usage: Usage = { promptTokens: 1, completionTokens: 2, cachedTokens: undefined, totalTokens: 3 }

describe('a scheduler', () => {
  it('picks by the configuration', () => {
    const candidates = endpoints(
      { name: 'busy', queued: 3, kvUsage: 0.1 },
      { name: 'full', queued: 1, kvUsage: 0.9 },
      { name: 'good', queued: 1, kvUsage: 0.2 },
      { name: 'gone', queued: 0, kvUsage: 0, isReachable: false },
    )
    const configuration = configured(`
plugins:
- type: reachable-filter
- type: queue-scorer
- type: kv-cache-utilization-scorer
- {type: max-score-picker, parameters: {maxNumOfEndpoints: 2}}
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: reachable-filter
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: kv-cache-utilization-scorer, weight: 0.5}
  - pluginRef: max-score-picker
`)
    const scheduler = createScheduler(configuration, { keepsScores: true })
    const { endpoints: picked, scores, headers, helpers } = scheduler.schedule(schedulingRequest(), candidates, random)
    expect(picked.map(({ name }) => name)).toEqual(['good', 'full'])
    // 2 · (3 - queued) / (3 - 1) + 0.5 · (1 - KV usage)
    expect(scores).toEqual([
      [candidates[0].address, 0.45],
      [candidates[1].address, 2.05],
      [candidates[2].address, 2.4],
    ])
    expect([headers, helpers]).toEqual([[], []])
  })

  it('keeps no scores when it need not', () => {
    const scheduler = createScheduler(beside(), { keepsScores: false })
    expect(scheduler.schedule(schedulingRequest(), [a, b], random).scores).toEqual([])
  })

  it('asks the detector', () => {
    const scheduler = createScheduler(
      configured(
        'plugins: [{type: concurrency-detector, parameters: {maxConcurrency: 4}}]\nsaturationDetector: {pluginRef: concurrency-detector}',
      ),
      { keepsScores: false },
    )
    expect(scheduler.saturation(endpoints({ inFlight: 3 }, { inFlight: 1 }))).toBe(0.5)
  })

  it.each([
    ['', [0.75, 0.25, 0.25], 1.25 / 3],
    ['featureGates: [flowControl]', [0.75, 0.25, 0.25], 0.75],
  ])('of a pool with stages %s', (gates, loads, expected) => {
    const body = `
plugins: [{type: concurrency-detector, parameters: {maxConcurrency: 4}}]
saturationDetector: {pluginRef: concurrency-detector}
${gates}`
    const scheduler = createScheduler(configured(body), { keepsScores: false })
    const roles = ['prefill', 'decode', undefined]
    const pool = loads.map((load, i) => ({
      inFlight: load * 4,
      labels: roles[i] === undefined ? {} : { 'llm-d.ai/role': roles[i] },
    }))
    expect(scheduler.saturation(endpoints(...pool))).toBeCloseTo(expected, 12)
  })

  it('lets the producers find out before it decides', () => {
    const order: string[] = []
    const producer = (type: string): Producer => ({
      type,
      produce: (_, all) => void order.push(`${type} ${all.length}`),
    })
    const producers = [producer('first'), { type: 'idle', attribute: () => 1 }, producer('second')]
    const scheduler = createScheduler({ ...beside(), producers }, { keepsScores: false })
    scheduler.schedule(schedulingRequest(), [a, b], random)
    expect(order).toEqual(['first 2', 'second 2'])
  })

  it('takes the word of the first admitter that refuses', () => {
    const admitters = [
      { type: 'x', refusal: () => undefined },
      {
        type: 'y',
        refusal: (_: unknown, __: unknown, saturation: number) => (saturation > 0.5 ? 'too full' : undefined),
      },
      { type: 'z', refusal: () => 'never asked' },
    ]
    const scheduler = createScheduler({ ...beside(), admitters }, { keepsScores: false })
    expect(scheduler.refusal(schedulingRequest(), [a], 0.9, random)).toBe('too full')
    expect(scheduler.refusal(schedulingRequest(), [a], 0.1, random)).toBe('never asked')
    expect(
      createScheduler(beside(), { keepsScores: false }).refusal(schedulingRequest(), [a], 9, random),
    ).toBeUndefined()
  })

  it('reads the headers and the prompt for its plugins', () => {
    const scheduler = createScheduler(
      beside({ type: 'x', headerNames: ['one', 'two'] }, { type: 'y', headerNames: ['two'], readsPrompt: true }),
      { keepsScores: false },
    )
    expect(scheduler.headerNames).toEqual(['one', 'two'])
    expect(scheduler.readsPrompt).toBe(true)
    expect(createScheduler(beside(), { keepsScores: false }).readsPrompt).toBe(false)
    const prefix = configured('plugins: [{type: prefix-cache-scorer}]')
    expect(createScheduler(prefix, { keepsScores: false }).readsPrompt).toBe(true)
  })
})

describe('plugins are told', () => {
  const told: unknown[][] = []
  const listening: Plugin = {
    type: 'listening',
    routed: (_, endpoint, profile, isHelper) => void told.push(['routed', endpoint.name, profile, isHelper]),
    promptRead: (_, endpoint) => void told.push(['promptRead', endpoint.name]),
    ended: (_, endpoint, used) => void told.push(['ended', endpoint.name, used]),
  }
  const scheduler = createScheduler(beside(listening, { type: 'deaf' }), { keepsScores: false })
  const tell = (act: () => void) => {
    told.length = 0
    act()
    return [...told]
  }

  it('where a request goes, which profile has chosen that, and who helps', () => {
    expect(tell(() => scheduler.routed(schedulingRequest(), scheduled))).toEqual([
      ['routed', 'a', 'decode', false],
      ['routed', 'c', 'prefill', true],
    ])
  })

  it('when the answer begins', () => {
    const told: unknown[][] = []
    const starting: Plugin = {
      type: 'starting',
      responseStarted: (_, { name }, isHelper) => void told.push([name, isHelper]),
    }
    const scheduler = createScheduler(beside(starting), { keepsScores: false })
    expect(scheduler.responseStarted(schedulingRequest(), scheduled)).toBe(true)
    expect(told).toEqual([
      ['a', false],
      ['c', true],
    ])
    const plain = createScheduler(beside(), { keepsScores: false })
    expect(plain.responseStarted(schedulingRequest(), scheduled)).toBe(false)
  })

  it('and asked which flow a request belongs to, until one knows', () => {
    const configuration = configured('plugins: [{type: agent-identity}]')
    const scheduler = createScheduler(configuration, { keepsScores: false })
    const from = (headers: Record<string, string>) => schedulingRequest({ header: (name) => headers[name] })
    expect(scheduler.fairnessIdOf(from({ 'session-id': 's' }))).toBe('s')
    expect(scheduler.fairnessIdOf(from({}))).toBeUndefined()
  })

  it('when its prompt has been read', () => {
    expect(tell(() => scheduler.promptRead(schedulingRequest(), scheduled))).toEqual([
      ['promptRead', 'a'],
      ['promptRead', 'c'],
    ])
  })

  it('when it has ended; only the endpoint that answered has the usage', () => {
    expect(tell(() => scheduler.ended(schedulingRequest(), scheduled, usage))).toEqual([
      ['ended', 'a', usage],
      ['ended', 'c', undefined],
    ])
  })

  it('nothing of a request that went nowhere', () => {
    const nowhere = { ...scheduled, endpoints: [], helpers: [] }
    expect(tell(() => scheduler.routed(schedulingRequest(), nowhere))).toEqual([])
    expect(tell(() => scheduler.ended(schedulingRequest(), nowhere, undefined))).toEqual([])
  })

  it('and set headers on the response, all of them', () => {
    const setting = (name: string): Plugin => ({ type: name, responseHeaders: (_, { name: value }) => [name, value] })
    const none: Plugin = { type: 'none', responseHeaders: () => [] }
    const scheduler = createScheduler(beside(setting('x-one'), none, setting('x-two')), { keepsScores: false })
    expect(scheduler.responseHeaders(schedulingRequest(), a)).toEqual(['x-one', 'a', 'x-two', 'a'])
    expect(createScheduler(beside(none), { keepsScores: false }).responseHeaders(schedulingRequest(), a)).toEqual([])
  })
})

import { describe, expect, it } from 'vitest'
import type { Endpoint } from '../../src/pool/endpoint.ts'
import { createDefaultConfiguration } from '../../src/scheduling/default-configuration.ts'
import { createScheduler } from '../../src/scheduling/scheduler.ts'
import { configurationContext } from './configured.ts'
import { type EndpointState, endpoints, equalEndpoints, schedulingRequest, seededRandom } from './endpoints.ts'

/** The endpoints that the default configuration picks. */
function defaultSchedule() {
  const scheduler = createScheduler(createDefaultConfiguration(configurationContext), { keepsScores: false })
  return (...given: Parameters<typeof scheduler.schedule>) => scheduler.schedule(...given).endpoints
}

/** Sends requests that don't end, and counts where they go. No scrape comes between. */
function sendAll(candidates: readonly Endpoint[], requests: number, targetModel = 'base') {
  const schedule = defaultSchedule()
  const random = seededRandom()
  for (let i = 0; i < requests; i += 1)
    schedule(schedulingRequest({ targetModel }), candidates, random)[0].inFlight += 1
  return candidates.map(({ inFlight }) => inFlight)
}

function firstPick(...states: EndpointState[]) {
  const candidates = endpoints(...states)
  return candidates.indexOf(defaultSchedule()(schedulingRequest({ targetModel: 'sql' }), candidates, seededRandom())[0])
}

describe('the default configuration picks', () => {
  it('the shorter queue', () => {
    expect(firstPick({ queued: 3 }, { queued: 0 }, { queued: 9 })).toBe(1)
  })

  it('the emptier cache', () => {
    expect(firstPick({ kvUsage: 0.5 }, { kvUsage: 0.9 }, { kvUsage: 0.1 })).toBe(2)
  })

  it('the server that has the adapter', () => {
    const full = { maxAdapters: 1, activeAdapters: new Set(['chat']) }
    expect(firstPick(full, { maxAdapters: 1, activeAdapters: new Set(['sql']) }, full)).toBe(1)
  })

  it('the server with fewer requests of ours', () => {
    expect(firstPick({ inFlight: 2 }, { inFlight: 3 }, { inFlight: 1 })).toBe(2)
  })

  it('a second one to fall back to, if there is one', () => {
    const schedule = defaultSchedule()
    const candidates = endpoints({ queued: 1 }, { queued: 0 }, { queued: 9 })
    expect(schedule(schedulingRequest({ targetModel: '' }), candidates, seededRandom())).toEqual([
      candidates[1],
      candidates[0],
    ])
    expect(schedule(schedulingRequest({ targetModel: '' }), candidates.slice(0, 1), seededRandom())).toEqual([
      candidates[0],
    ])
  })
})

describe('between two scrapes', () => {
  it.each([3, 10, 100])('1,000 requests spread evenly over %i equal servers', (count) => {
    const sent = sendAll(equalEndpoints(count), 1_000)
    expect(Math.min(...sent)).toBe(Math.floor(1_000 / count))
    expect(Math.max(...sent)).toBe(Math.ceil(1_000 / count))
  })

  it('the server that looked a little better gets no more than a few times its share', () => {
    const sent = sendAll(endpoints({ kvUsage: 0.1 }, ...equalStates(9, { kvUsage: 0.3 })), 1_000)
    expect(sent[0]).toBeGreaterThan(100)
    expect(sent[0]).toBeLessThan(150)
  })

  it('the server with an empty queue among queues of one does not get them all', () => {
    const sent = sendAll(endpoints({ queued: 0 }, ...equalStates(9, { queued: 1 })), 100)
    expect(sent[0]).toBeGreaterThan(10)
    expect(sent[0]).toBeLessThan(30)
  })

  it('a server that refuses connections gets none', () => {
    const sent = sendAll(endpoints({ isReachable: false }, { queued: 3 }, { queued: 3 }), 10)
    expect(sent).toEqual([0, 5, 5])
  })

  it('an adapter that one server has loaded draws its requests there, but not all', () => {
    const state = { maxAdapters: 4 }
    const loaded = { ...state, activeAdapters: new Set(['sql']) }
    const sent = sendAll(endpoints(loaded, ...equalStates(9, state)), 1_000, 'sql')
    expect(sent[0]).toBeGreaterThan(100)
    expect(sent[0]).toBeLessThan(150)
  })
})

function equalStates(count: number, state: EndpointState): EndpointState[] {
  return Array.from({ length: count }, () => state)
}

it('the default configuration has nothing to warn of', () => {
  const { warnings, flowControl, parsers } = createDefaultConfiguration(configurationContext)
  expect([warnings, flowControl, parsers]).toEqual([[], undefined, undefined])
})

import { describe, expect, it } from 'vitest'
import { latencySloAdmitter } from '../../../src/scheduling/admitters/latency-slo.ts'
import { probabilisticAdmitter } from '../../../src/scheduling/admitters/probabilistic.ts'
import { pluginContext } from '../context.ts'
import { type EndpointState, endpoints, schedulingRequest } from '../endpoints.ts'

const sheddable = schedulingRequest({ priority: -1 })

describe('probabilistic-admitter', () => {
  function refusal(state: EndpointState, draw: number, parameters?: unknown, request = sheddable) {
    const admitter = probabilisticAdmitter.create(parameters, pluginContext())
    return admitter.refusal(request, endpoints(state), 0, () => draw)
  }

  it.each([
    // saturation = kvUsage / 0.8; p = saturation ^ 5 * 300
    [0.15, 0.0227],
    [0.2, 0.096],
    [0.3, 0.729],
  ])('at a saturation of %f refuses %f of the sheddable requests', (saturation, probability) => {
    const state = { kvUsage: saturation * 0.8 }
    expect(refusal(state, probability - 0.001)).toBe(
      `request of priority -1 shed: the pool is ${Math.round(saturation * 100)} % full`,
    )
    expect(refusal(state, probability + 0.001)).toBeUndefined()
  })

  it('refuses none of an idle pool, all from a third on', () => {
    expect(refusal({}, 0)).toBeUndefined()
    expect(refusal({ queued: 2 }, 0.999999)).toBeDefined()
  })

  it('never refuses a request of priority 0 or more', () => {
    for (const priority of [0, 3]) {
      expect(refusal({ queued: 99 }, 0, undefined, schedulingRequest({ priority }))).toBeUndefined()
    }
  })

  it('takes another curve and other thresholds', () => {
    const parameters = { queueDepthThreshold: 10, kvCacheUtilThreshold: 1, power: 1, k: 1 }
    expect(refusal({ queued: 5 }, 0.49, parameters)).toBeDefined()
    expect(refusal({ queued: 5 }, 0.51, parameters)).toBeUndefined()
    expect(refusal({ kvUsage: 0.25 }, 0.24, parameters)).toBeDefined()
    expect(refusal({ kvUsage: 0.25 }, 0.26, parameters)).toBeUndefined()
  })

  it('takes an endpoint that was never scraped for full, and no pool for no reason', () => {
    expect(refusal({ updatedAtMs: Number.NEGATIVE_INFINITY }, 0.99)).toBeDefined()
    const admitter = probabilisticAdmitter.create(undefined, pluginContext())
    expect(admitter.refusal(sheddable, [], 1, () => 0)).toBeUndefined()
  })

  it.each([{ power: 0 }, { k: 0 }, { queueDepthThreshold: 0 }, { kvCacheUtilThreshold: 0 }, { sharpness: 1 }])(
    'refuses %j',
    (parameters) => {
      expect(() => refusal({}, 0, parameters)).toThrow(Object.keys(parameters)[0])
    },
  )
})

it('latency-slo-admitter admits all, and says why', () => {
  const context = pluginContext()
  const admitter = latencySloAdmitter.create(undefined, context)
  expect(admitter.refusal(sheddable, endpoints({ queued: 99 }), 9, () => 0)).toBeUndefined()
  expect(context.warnings).toEqual(['latency-slo-admitter: latencies are not predicted here; it admits all requests.'])
})

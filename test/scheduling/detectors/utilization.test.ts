import { describe, expect, it } from 'vitest'
import { utilizationDetector } from '../../../src/scheduling/detectors/utilization.ts'
import { pluginContext } from '../context.ts'
import { type EndpointState, endpoints } from '../endpoints.ts'
import { left } from '../filters/left.ts'

const saturation = (parameters: unknown, ...states: EndpointState[]) =>
  utilizationDetector.create(parameters, pluginContext()).saturation(endpoints(...states))

describe('the saturation of a pool', () => {
  it.each([
    [[{}], 0],
    [[{ queued: 5 }], 1],
    [[{ queued: 10, kvUsage: 0.4 }], 2],
    [[{ kvUsage: 0.8 }], 1],
    [[{ queued: 1, kvUsage: 0.4 }], 0.5],
    [[{ queued: 5 }, { kvUsage: 0.4 }, {}], 0.5],
    [[], 1],
  ] as [EndpointState[], number][])('of %j is %f', (states, expected) => {
    expect(saturation(undefined, ...states)).toBeCloseTo(expected, 12)
  })

  it('goes by the thresholds, whatever the headroom', () => {
    const parameters = { queueDepthThreshold: 10, kvCacheUtilThreshold: 0.5, headroom: 3 }
    expect(saturation(parameters, { queued: 5 }, { kvUsage: 0.125 })).toBe(0.375)
  })

  it('counts an endpoint with old metrics, or with none, as full', () => {
    const nowMs = () => 1_000
    const detector = utilizationDetector.create(undefined, pluginContext({ nowMs }))
    const at = (updatedAtMs: number) => detector.saturation(endpoints({ updatedAtMs }))
    expect([at(800), at(799), at(Number.NEGATIVE_INFINITY)]).toEqual([0, 1, 1])
    const slow = utilizationDetector.create(
      { metricsStalenessThreshold: '300ms' },
      pluginContext({ nowMs, staleAfterMs: (thresholdMs) => thresholdMs * 2 }),
    )
    expect(slow.saturation(endpoints({ updatedAtMs: 400 }, { updatedAtMs: 399 }))).toBe(0.5)
  })
})

describe('as a filter it keeps', () => {
  const keeps = (parameters: unknown, ...states: EndpointState[]) =>
    left(utilizationDetector.create(parameters, pluginContext({ nowMs: () => 100 })), endpoints(...states))

  it('those below both thresholds', () => {
    expect(keeps(undefined, { queued: 4, kvUsage: 0.79 }, { queued: 5 }, { kvUsage: 0.8 })).toEqual([0])
  })

  it('those that are over them by less than the headroom', () => {
    const states = [{ queued: 5 }, { queued: 6 }, { kvUsage: 0.95 }, { kvUsage: 0.97 }]
    expect(keeps({ headroom: 0.2 }, ...states)).toEqual([0, 2])
    expect(keeps({ headroom: 0.25 }, { kvUsage: 1 }, { kvUsage: 0.99 })).toEqual([1])
    expect(keeps({ headroom: 0.5 }, { kvUsage: 1 }, { queued: 8 })).toEqual([0])
  })

  it('those with fresh metrics', () => {
    expect(keeps(undefined, { updatedAtMs: -100 }, { updatedAtMs: -101 })).toEqual([0])
  })

  it('all when none is fit', () => {
    expect(keeps(undefined, { queued: 9 }, { kvUsage: 1 })).toEqual([0, 1])
  })
})

it.each([
  { queueDepthThreshold: 0 },
  { kvCacheUtilThreshold: 1.1 },
  { metricsStalenessThreshold: '0s' },
  { metricsStalenessThreshold: 200 },
  { headroom: -1 },
])('refuses %j', (parameters) => {
  expect(() => saturation(parameters)).toThrow(Object.keys(parameters)[0])
})

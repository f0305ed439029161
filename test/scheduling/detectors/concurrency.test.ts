import { describe, expect, it } from 'vitest'
import { concurrencyDetector } from '../../../src/scheduling/detectors/concurrency.ts'
import { pluginContext } from '../context.ts'
import { endpoints } from '../endpoints.ts'
import { left } from '../filters/left.ts'
import { contextOfAll } from '../producers/known.ts'

const candidates = endpoints(
  { inFlight: 10, inFlightTokens: 100 },
  { inFlight: 2, inFlightTokens: 1_000 },
  { inFlight: 0, inFlightTokens: 1_200 },
)
const limits = { maxConcurrency: 10, maxTokenConcurrency: 1_000 }

describe.each([
  ['requests', 12 / 30, [1, 2], [0, 1, 2]],
  ['tokens', 2_300 / 3_000, [0], [0, 1]],
  ['hybrid', (1 + 1 + 1.2) / 3, [], [0, 1]],
])('in the mode %s', (concurrencyMode, saturation, below, belowWithHeadroom) => {
  const create = (more = {}) => concurrencyDetector.create({ ...limits, concurrencyMode, ...more }, contextOfAll())

  it('a pool is as full as its endpoints are in the mean', () => {
    expect(create().saturation(candidates)).toBeCloseTo(saturation, 12)
    expect(create({ headroom: 1 }).saturation(candidates)).toBeCloseTo(saturation, 12)
  })

  it('the filter keeps those below the limit, maybe none', () => {
    expect(left(create(), candidates)).toEqual(below)
    expect(left(create({ headroom: 0.2 }), candidates)).toEqual(belowWithHeadroom)
  })

  it('a pool without endpoints is full', () => {
    expect(create().saturation([])).toBe(1)
  })
})

it('takes what is fuller of both in the mode hybrid', () => {
  const detector = concurrencyDetector.create({ ...limits, concurrencyMode: 'hybrid' }, contextOfAll())
  expect(detector.saturation(endpoints({ inFlight: 5, inFlightTokens: 100 }))).toBe(0.5)
  expect(detector.saturation(endpoints({ inFlight: 1, inFlightTokens: 700 }))).toBe(0.7)
})

it('takes no part of a request, or of a token, for a whole one', () => {
  const keeps = (maxConcurrency: number, headroom: number, inFlight: number) =>
    left(concurrencyDetector.create({ maxConcurrency, headroom }, pluginContext()), endpoints({ inFlight }))
  expect(keeps(3, 0.2, 2)).toEqual([0])
  expect(keeps(3, 0.2, 3)).toEqual([])
  expect(keeps(3, 0.34, 3)).toEqual([0])
})

it('takes 100 requests, or a million tokens, if not told otherwise', () => {
  const requests = concurrencyDetector.create(undefined, pluginContext())
  expect(requests.saturation(endpoints({ inFlight: 25, inFlightTokens: 1e9 }))).toBe(0.25)
  const tokens = concurrencyDetector.create({ concurrencyMode: 'tokens' }, contextOfAll())
  expect(tokens.saturation(endpoints({ inFlight: 999, inFlightTokens: 250_000 }))).toBe(0.25)
})

it('has the producer made that counts tokens where they count', () => {
  expect(() => concurrencyDetector.create({ concurrencyMode: 'hybrid' }, pluginContext())).toThrow('inflight-load')
})

it.each([{ maxConcurrency: 0 }, { maxTokenConcurrency: 0.5 }, { headroom: -1 }, { concurrencyMode: 'both' }])(
  'refuses %j',
  (parameters) => {
    expect(() => concurrencyDetector.create(parameters, pluginContext())).toThrow(Object.keys(parameters)[0])
  },
)

import { describe, expect, it } from 'vitest'
import { alwaysDisaggMultimodalDecider, alwaysDisaggPdDecider } from '../../../src/scheduling/deciders/always.ts'
import { prefixBasedPdDecider } from '../../../src/scheduling/deciders/prefix-based.ts'
import type { PrefixMatches } from '../../../src/scheduling/plugin.ts'
import { pluginContext } from '../context.ts'
import { endpoints, schedulingRequest } from '../endpoints.ts'

const [decode] = endpoints({})

it('always-disagg-pd-decider wants a prefill elsewhere', () => {
  const decider = alwaysDisaggPdDecider.create({}, pluginContext())
  expect(decider.disaggregates(schedulingRequest(), decode)).toBe(true)
})

it('always-disagg-multimodal-decider wants images, audio and video encoded elsewhere', () => {
  const decider = alwaysDisaggMultimodalDecider.create({}, pluginContext())
  expect(decider.disaggregates(schedulingRequest({ isMultimodal: true }), decode)).toBe(true)
  expect(decider.disaggregates(schedulingRequest(), decode)).toBe(false)
})

describe('prefix-based-pd-decider, by tokens of 4 bytes', () => {
  const of = (parameters: unknown, cachedBytes: number) => {
    const matches: PrefixMatches = {
      type: 'approx-prefix-cache-producer',
      matchedBytes: (endpoint) => (endpoint === decode ? cachedBytes : 1e9),
      totalBytes: () => 1e9,
    }
    return prefixBasedPdDecider.create(parameters, pluginContext({ plugins: { matches } }))
  }

  it.each([
    [{ nonCachedTokens: 16 }, 64, 0, true],
    [{ nonCachedTokens: 16 }, 60, 0, false],
    [{ nonCachedTokens: 16 }, 128, 64, true],
    [{ nonCachedTokens: 16 }, 128, 68, false],
    [{ nonCachedTokens: 16, promptTokens: 100 }, 399, 0, true],
    [{ nonCachedTokens: 16, promptTokens: 100 }, 396, 0, false],
    [{ nonCachedTokens: 0 }, 1e6, 0, false],
    [{}, 1e6, 0, false],
  ])('%j: a prompt of %i bytes, %i of them cached: %s', (parameters, promptBytes, cachedBytes, expected) => {
    expect(of(parameters, cachedBytes).disaggregates(schedulingRequest({ promptBytes }), decode)).toBe(expected)
  })

  it('before the endpoint is chosen takes nothing for cached', () => {
    const decider = of({ nonCachedTokens: 16 }, 1e9)
    expect(decider.disaggregates(schedulingRequest({ promptBytes: 64 }), undefined)).toBe(true)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Filter } from '../../../src/scheduling/plugin.ts'
import { type EndpointState, endpoints, schedulingRequest, seededRandom } from '../endpoints.ts'
import { kindsIn } from '../kinds-in.ts'
import { contextOfAll, prefixMatches } from '../producers/known.ts'

const state: fc.Arbitrary<EndpointState> = fc.record({
  name: fc.constantFrom('warm', 'cold'),
  queued: fc.oneof(fc.nat(10), fc.constant(Number.NaN)),
  kvUsage: fc.double({ min: 0, max: 1 }),
  inFlight: fc.nat(200),
  inFlightTokens: fc.nat(2_000_000),
  isReachable: fc.boolean(),
  labels: fc.constantFrom({}, { zone: 'a' }, { 'llm-d.ai/role': 'decode' }, { 'llm-d.ai/role': 'both' }),
})

/** Of those that need some. */
const parametersOf: Readonly<Record<string, unknown>> = {
  'by-label': { label: 'zone', validValues: ['a'] },
  'label-selector-filter': { matchLabels: { zone: 'a' } },
  'utilization-filter': { conditions: [{ metric: 'waiting-queue', maxValue: 5 }] },
  'endpoint-attribute-filter': { attribute: 'waiting-queue', algorithm: { type: 'topK', topK: { k: 2 } } },
}

const kinds = [...(await kindsIn<Filter>('filters')), ...(await kindsIn<Filter>('detectors'))]

describe.each(kinds)('%s', (type, kind) => {
  const filter = kind.create(parametersOf[type], contextOfAll(undefined, prefixMatches({ warm: 90 })))

  it('says its type, and its headers in lower case', () => {
    expect(filter.type).toBe(type)
    for (const name of filter.headerNames ?? []) expect(name).toBe(name.toLowerCase())
  })

  it('takes no candidates', () => {
    expect(filter.filter(schedulingRequest(), [], Math.random)).toEqual([])
  })

  it('leaves some of the candidates, in their order, and the list as it was', () => {
    const states = fc.array(state, { maxLength: 12 })
    const header = fc.constantFrom(undefined, 'a', '')
    fc.assert(
      fc.property(states, header, fc.integer(), (states, value, seed) => {
        const candidates = Object.freeze(endpoints(...states))
        const request = schedulingRequest({ promptBytes: 4_000, header: () => value })
        const places = filter
          .filter(request, candidates, seededRandom(seed))
          .map((endpoint) => candidates.indexOf(endpoint))
        expect(places).not.toContain(-1)
        expect(places).toEqual([...new Set(places)].sort((a, b) => a - b))
      }),
    )
  })

  it('refuses parameters that it does not know', () => {
    expect(() => kind.create({ sharpness: 11 }, contextOfAll())).toThrow('sharpness')
  })
})

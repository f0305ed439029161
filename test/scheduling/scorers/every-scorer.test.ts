import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Scorer } from '../../../src/scheduling/plugin.ts'
import { type EndpointState, endpoints, equalEndpoints, schedulingRequest } from '../endpoints.ts'
import { kindsIn } from '../kinds-in.ts'
import { contextOfAll, prefixMatches } from '../producers/known.ts'
import { scoresOf } from './scores.ts'

const adapters = fc.uniqueArray(fc.constantFrom('sql', 'chat', 'law')).map((names) => new Set(names))
const state: fc.Arbitrary<EndpointState> = fc.record({
  name: fc.constantFrom('warm', 'cold'),
  queued: fc.nat(100),
  running: fc.nat(100),
  kvUsage: fc.double({ min: 0, max: 1, noNaN: true }),
  inFlight: fc.nat(100),
  inFlightTokens: fc.nat(5_000_000),
  labels: fc.constantFrom(
    {},
    { zone: 'a', 'llm-d.ai/context-length-range': '0-2048' },
    { 'llm-d.ai/context-length-range': '9' },
  ),
  activeAdapters: adapters,
  waitingAdapters: adapters,
  maxAdapters: fc.nat(4),
})
const states = fc.array(state, { minLength: 1, maxLength: 20 })
const model = fc.constantFrom('sql', 'chat', 'base', '')

/** Of those that need some. */
const parametersOf: Readonly<Record<string, unknown>> = {
  'endpoint-attribute-scorer': { attributeKey: 'waiting-queue', algorithm: { type: 'linear_lower_is_better' } },
  'header-label-affinity-scorer': { headerName: 'x-zone', labelKey: 'zone' },
}
const parts = { promptBytes: 4_000, header: () => 'a' }
const context = () => contextOfAll(undefined, prefixMatches({ warm: 50 }))

describe.each(await kindsIn<Scorer>('scorers'))('%s', (type, kind) => {
  const create = () => kind.create(parametersOf[type], context())
  const scorer = create()

  it('says its type', () => {
    expect(scorer.type).toBe(type)
  })

  it('scores from 0 to 1, each candidate and no more', () => {
    fc.assert(
      fc.property(states, model, (states, targetModel) => {
        const scores = new Float64Array(states.length + 3).fill(-7)
        scorer.score(schedulingRequest({ ...parts, targetModel }), endpoints(...states), scores)
        for (const score of scores.subarray(0, states.length)) {
          expect(score).toBeGreaterThanOrEqual(0)
          expect(score).toBeLessThanOrEqual(1)
        }
        expect([...scores.subarray(states.length)]).toEqual([-7, -7, -7])
      }),
    )
  })

  it('takes no candidates', () => {
    const scores = new Float64Array(2).fill(-7)
    scorer.score(schedulingRequest({ targetModel: 'base' }), [], scores)
    expect([...scores]).toEqual([-7, -7])
  })

  it('scores equals alike', () => {
    fc.assert(
      fc.property(state, fc.integer({ min: 1, max: 9 }), model, (state, count, targetModel) => {
        expect(new Set(scoresOf(scorer, equalEndpoints(count, state), targetModel)).size).toBe(1)
      }),
    )
  })

  it('does not mind the order of the candidates', () => {
    fc.assert(
      fc.property(states, model, (states, targetModel) => {
        const scores = scoresOf(scorer, endpoints(...states), targetModel)
        expect(scoresOf(scorer, endpoints(...states.toReversed()), targetModel).toReversed()).toEqual(scores)
      }),
    )
  })

  it('forgets the candidates before', () => {
    fc.assert(
      fc.property(states, states, (first, second) => {
        const fresh = scoresOf(create(), endpoints(...second))
        scoresOf(scorer, endpoints(...first))
        expect(scoresOf(scorer, endpoints(...second))).toEqual(fresh)
      }),
    )
  })

  it('lets a candidate whose numbers are not known spoil no other', () => {
    const unknown = {
      queued: Number.NaN,
      running: Number.NaN,
      kvUsage: Number.NaN,
      inFlight: Number.NaN,
      inFlightTokens: Number.NaN,
      name: 'unknown',
    }
    fc.assert(
      fc.property(states, (states) => {
        const scores = scoresOf(scorer, endpoints(...states, unknown))
        expect(scores.slice(0, -1)).toEqual(scoresOf(scorer, endpoints(...states)))
        const [last] = scores.slice(-1)
        expect(Number.isNaN(last) || (last >= 0 && last <= 1)).toBe(true)
      }),
    )
  })

  it('refuses parameters that it does not know', () => {
    expect(() => kind.create({ sharpness: 11 }, context())).toThrow('sharpness')
  })
})

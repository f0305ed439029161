import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Picker } from '../../../src/scheduling/plugin.ts'
import { pluginContext } from '../context.ts'
import { equalEndpoints, seededRandom } from '../endpoints.ts'
import { kindsIn } from '../kinds-in.ts'

const score = fc.oneof(fc.constantFrom(0, 1, 5), fc.double({ min: 0, max: 7, noNaN: true }))

describe.each(await kindsIn<Picker>('pickers'))('%s', (type, kind) => {
  it('says its type', () => {
    expect(kind.create(undefined, pluginContext()).type).toBe(type)
  })

  it('picks nothing from nothing', () => {
    expect(kind.create(undefined, pluginContext()).pick([], new Float64Array(0), seededRandom())).toEqual([])
  })

  it('picks the only candidate, whatever its score', () => {
    const [only] = equalEndpoints(1)
    fc.assert(
      fc.property(score, fc.integer(), (score, seed) => {
        expect(
          kind.create(undefined, pluginContext()).pick([only], Float64Array.of(score), seededRandom(seed)),
        ).toEqual([only])
      }),
    )
  })

  it('picks one if not told otherwise', () => {
    expect(
      kind.create(undefined, pluginContext()).pick(equalEndpoints(5), new Float64Array(5), seededRandom()),
    ).toHaveLength(1)
  })

  it('picks as many different candidates as it may, and leaves the scores as they are', () => {
    const most = fc.integer({ min: 1, max: 5 })
    fc.assert(
      fc.property(fc.array(score), most, fc.integer(), (scores, maxNumOfEndpoints, seed) => {
        const candidates = equalEndpoints(scores.length)
        const given = Float64Array.from(scores)
        const picked = kind.create({ maxNumOfEndpoints }, pluginContext()).pick(candidates, given, seededRandom(seed))
        expect(new Set(picked).size).toBe(Math.min(maxNumOfEndpoints, candidates.length))
        for (const endpoint of picked) expect(candidates).toContain(endpoint)
        expect([...given]).toEqual(scores)
      }),
    )
  })

  it('picks by the scores of the candidates, though the array goes on', () => {
    const candidates = equalEndpoints(3)
    const scores = Float64Array.of(1, 1, 1, 9, 9)
    const picked = kind.create({ maxNumOfEndpoints: 5 }, pluginContext()).pick(candidates, scores, seededRandom())
    expect(picked).toHaveLength(3)
    expect(picked).not.toContain(undefined)
  })

  it.each([
    ['equal', 2],
    ['all 0', 0],
  ])('gives every candidate the same chance when scores are %s, for each place', (_, score) => {
    const candidates = equalEndpoints(4)
    const scores = new Float64Array(4).fill(score)
    const picker = kind.create({ maxNumOfEndpoints: 2 }, pluginContext())
    const random = seededRandom()
    for (const place of [0, 1]) {
      const counts = new Map(candidates.map((endpoint) => [endpoint, 0]))
      for (let i = 0; i < 4_000; i += 1) {
        const endpoint = picker.pick(candidates, scores, random)[place]
        counts.set(endpoint, counts.get(endpoint)! + 1)
      }
      // Five standard deviations of 4,000 draws at 1/4.
      for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(137)
    }
  })

  it.each([{ maxNumOfEndpoints: 0 }, { maxNumOfEndpoints: 1.5 }, { maxNumOfEndpoint: 1 }])(
    'refuses %j',
    (parameters) => {
      expect(() => kind.create(parameters, pluginContext())).toThrow('maxNumOfEndpoint')
    },
  )
})

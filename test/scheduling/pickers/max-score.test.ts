import fc from 'fast-check'
import { expect, it } from 'vitest'
import { maxScorePicker } from '../../../src/scheduling/pickers/max-score.ts'
import { pluginContext } from '../context.ts'
import { equalEndpoints, seededRandom } from '../endpoints.ts'

const [a, b, c, d] = equalEndpoints(4)

it('picks the best, then the second best', () => {
  const scores = Float64Array.of(1, 3, 2, 0)
  expect(maxScorePicker.create(undefined, pluginContext()).pick([a, b, c, d], scores, Math.random)).toEqual([b])
  expect(
    maxScorePicker.create({ maxNumOfEndpoints: 2 }, pluginContext()).pick([a, b, c, d], scores, Math.random),
  ).toEqual([b, c])
})

it('draws among equals only', () => {
  const picker = maxScorePicker.create({ maxNumOfEndpoints: 2 }, pluginContext())
  const random = seededRandom()
  const picks = new Set<string>()
  for (let i = 0; i < 200; i += 1) {
    picks.add(
      picker
        .pick([a, b, c, d], Float64Array.of(1, 2, 1, 0), random)
        .map((endpoint) => endpoint.name)
        .join(),
    )
  }
  expect(picks).toEqual(new Set([`${b.name},${a.name}`, `${b.name},${c.name}`]))
})

it('picks the same as a sort by score, in whatever order the candidates stand', () => {
  const distinct = fc.uniqueArray(fc.double({ min: 0, max: 7, noNaN: true }), {
    minLength: 1,
    comparator: (x, y) => x === y,
  })
  fc.assert(
    fc.property(distinct, fc.integer({ min: 1, max: 6 }), (scores, maxNumOfEndpoints) => {
      const candidates = equalEndpoints(scores.length)
      const ranked = candidates.map((endpoint, i) => ({ endpoint, score: scores[i] })).sort((x, y) => y.score - x.score)
      expect(
        maxScorePicker
          .create({ maxNumOfEndpoints }, pluginContext())
          .pick(candidates, Float64Array.from(scores), Math.random),
      ).toEqual(ranked.slice(0, maxNumOfEndpoints).map(({ endpoint }) => endpoint))
    }),
  )
})

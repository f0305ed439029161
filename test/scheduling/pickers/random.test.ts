import { expect, it } from 'vitest'
import { randomPicker } from '../../../src/scheduling/pickers/random.ts'
import { pluginContext } from '../context.ts'
import { equalEndpoints, seededRandom } from '../endpoints.ts'

it('does not look at the scores', () => {
  const candidates = equalEndpoints(3)
  const picker = randomPicker.create(undefined, pluginContext())
  const random = seededRandom()
  const counts = [0, 0, 0]
  for (let i = 0; i < 3_000; i += 1) {
    counts[candidates.indexOf(picker.pick(candidates, Float64Array.of(0, 1, 100), random)[0])] += 1
  }
  // Five standard deviations of 3,000 draws at 1/3.
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(130)
})

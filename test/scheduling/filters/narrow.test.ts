import fc from 'fast-check'
import { expect, it } from 'vitest'
import { narrow, narrowIfAny } from '../../../src/scheduling/filters/narrow.ts'
import { endpoints } from '../endpoints.ts'

it('keeps what Array.filter keeps; all as the same array', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3)), fc.nat(4), (queues, limit) => {
      const candidates = endpoints(...queues.map((queued) => ({ queued })))
      const expected = candidates.filter(({ metrics }) => metrics.queued < limit)
      const kept = narrow(candidates, (endpoint, by) => endpoint.metrics.queued < by, limit)
      expect(kept).toEqual(expected)
      expect(kept === candidates).toBe(expected.length === candidates.length)
      expect(narrowIfAny(candidates, (endpoint, by) => endpoint.metrics.queued < by, limit)).toEqual(
        expected.length > 0 ? expected : candidates,
      )
    }),
  )
})

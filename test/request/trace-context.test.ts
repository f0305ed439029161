import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseTraceparent, traceparentOf } from '../../src/request/trace-context.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'

test.each([
  [`00-${traceId}-${spanId}-01`, { traceId, spanId, traceFlags: 1 }],
  [`00-${traceId}-${spanId}-00`, { traceId, spanId, traceFlags: 0 }],
  [`cc-${traceId}-${spanId}-01-what-comes-later`, { traceId, spanId, traceFlags: 1 }],
  [undefined, undefined],
  ['', undefined],
  [`ff-${traceId}-${spanId}-01`, undefined],
  [`00-${traceId}-${spanId}-01-more`, undefined],
  [`cc-${traceId}-${spanId}-01more`, undefined],
  [`00-${'0'.repeat(32)}-${spanId}-01`, undefined],
  [`00-${traceId}-${'0'.repeat(16)}-01`, undefined],
  [`00-${traceId.toUpperCase()}-${spanId}-01`, undefined],
  [`00-${traceId}-${spanId}-1`, undefined],
  [` 00-${traceId}-${spanId}-01`, undefined],
])('traceparent %j is %j', (value, expected) => {
  expect(parseTraceparent(value)).toEqual(expected)
})

const digits = (count: number) =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${count}}$`)).filter((text) => !/^0+$/.test(text))

test('what is written is read again', () => {
  fc.assert(
    fc.property(digits(32), digits(16), fc.nat(255), (traceId, spanId, traceFlags) => {
      expect(parseTraceparent(traceparentOf(traceId, spanId, traceFlags))).toEqual({ traceId, spanId, traceFlags })
    }),
  )
})

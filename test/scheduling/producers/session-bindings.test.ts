import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SessionBindings } from '../../../src/scheduling/producers/session-bindings.ts'

it('answers as a list of bindings with the time at which they were made does', () => {
  const step = fc.record({
    session: fc.constantFrom('a', 'b', 'c'),
    address: fc.option(fc.constantFrom('1', '2')),
    afterMs: fc.nat(80),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let nowMs = 0
      const bindings = new SessionBindings(100, () => nowMs)
      const oracle = new Map<string, { address: string; boundAtMs: number }>()
      for (const { session, address, afterMs } of steps) {
        nowMs += afterMs
        if (address !== null) {
          bindings.bind(session, address)
          oracle.set(session, { address, boundAtMs: nowMs })
          continue
        }
        const known = oracle.get(session)
        const isFresh = known !== undefined && nowMs - known.boundAtMs <= 100
        expect(bindings.addressOf(session)).toBe(isFresh ? known.address : undefined)
      }
    }),
  )
})

it('forgets the sessions that were not bound for longest when there are too many', () => {
  const bindings = new SessionBindings(1_000, () => 0)
  for (let i = 0; i < 150_000; i += 1) {
    bindings.bind(`s${i}`, 'x')
    if (i % 10_000 === 0) bindings.bind('s0', 'x')
  }
  expect(bindings.addressOf('s0')).toBe('x')
  expect(bindings.addressOf('s1')).toBeUndefined()
  expect(bindings.addressOf('s100000')).toBe('x')
})

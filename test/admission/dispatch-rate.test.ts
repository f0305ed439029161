import { describe, expect, test } from 'vitest'
import { DispatchRate } from '../../src/admission/dispatch-rate.ts'

/** Requests that were let through at an even rate for a minute. */
function rateOf(perSecond: number): DispatchRate {
  const rate = new DispatchRate()
  for (let i = 1; i <= 60 * perSecond; i += 1) rate.admitted((i * 1_000) / perSecond)
  return rate
}

describe('the rate', () => {
  test.each([1, 5, 40])('finds %d a second, within 6 percent', (perSecond) => {
    const found = rateOf(perSecond).perSecond(60_000)
    expect(Math.abs(found / perSecond - 1)).toBeLessThan(0.06)
  })

  test('fades when nothing is let through', () => {
    expect(rateOf(40).perSecond(70_000)).toBeCloseTo(rateOf(40).perSecond(60_000) / Math.E, 6)
  })

  test('is 0 before the first', () => {
    expect(new DispatchRate().perSecond(5)).toBe(0)
  })
})

describe('when to come again', () => {
  test.each([
    { perSecond: 40, waiting: 0, expected: 1 },
    { perSecond: 40, waiting: 10, expected: 1 },
    { perSecond: 40, waiting: 380, expected: 10 },
    { perSecond: 40, waiting: 100_000, expected: 60 },
  ])('$waiting wait, $perSecond a second go: $expected s', ({ perSecond, waiting, expected }) => {
    expect(rateOf(perSecond).retryAfterSeconds(waiting, 60_000)).toBe(expected)
  })

  test('before the first request, the shortest', () => {
    expect(new DispatchRate().retryAfterSeconds(0, 0)).toBe(1)
  })

  test('with requests that wait and none that go, the longest', () => {
    expect(new DispatchRate().retryAfterSeconds(1, 0)).toBe(60)
  })
})

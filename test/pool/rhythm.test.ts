import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextBeatMs, phaseOf, rhythm } from '../../src/pool/rhythm.ts'

describe('a rhythm', () => {
  it('has the interval that it was asked for while the endpoints are few', () => {
    expect(rhythm(0, 50, 1_000, 10)).toEqual({ intervalMs: 50, beats: 1 })
    expect(rhythm(10, 50, 1_000, 10)).toEqual({ intervalMs: 50, beats: 1 })
    expect(rhythm(50, 50, 1_000, 10)).toEqual({ intervalMs: 50, beats: 5 })
  })

  it('slows down when they are many', () => {
    expect(rhythm(51, 50, 1_000, 10)).toEqual({ intervalMs: 51, beats: 6 })
    expect(rhythm(1_000, 50, 1_000, 10)).toEqual({ intervalMs: 1_000, beats: 100 })
  })
})

describe('the next beat', () => {
  it('comes once an interval, at the phase', () => {
    const pace = { intervalMs: 100, beats: 4 }
    expect([0, 24, 25, 99, 100].map((sinceMs) => nextBeatMs(pace, 0.3, sinceMs))).toEqual([25, 25, 125, 125, 125])
  })

  it('is after the time asked for, within an interval', () => {
    const pace = fc.record({ intervalMs: fc.integer({ min: 1, max: 10_000 }), beats: fc.integer({ min: 1, max: 100 }) })
    const phase = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(pace, phase, fc.double({ min: 0, max: 1e9, noNaN: true }), (pace, phase, sinceMs) => {
        const beatMs = nextBeatMs(pace, phase, sinceMs)
        expect(beatMs).toBeGreaterThanOrEqual(sinceMs)
        expect(beatMs - sinceMs).toBeLessThanOrEqual(pace.intervalMs + 1e-6)
      }),
    )
  })
})

it('phases fill the interval evenly, however many there are', () => {
  for (const count of [2, 7, 50, 1_000]) {
    const phases = Array.from({ length: count }, (_, i) => phaseOf(i)).sort((a, b) => a - b)
    const gaps = phases.map((phase, i) => (phases[i + 1] ?? phases[0] + 1) - phase)
    expect(Math.max(...gaps)).toBeLessThan(2.7 / count)
  }
})

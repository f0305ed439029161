import { describe, expect, it } from 'vitest'
import { durationMs, goDuration } from '../../src/scheduling/go-duration.ts'

describe('a Go duration', () => {
  it.each([
    ['200ms', 200],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['1.s', 1_000],
    ['1m0.5s', 60_500],
    ['+2s', 2_000],
    ['0', 0],
    ['0s', 0],
    ['250us', 0.25],
    ['250µs', 0.25],
    ['250μs', 0.25],
    ['1500000ns', 1.5],
  ])('%s is %f ms', (text, ms) => {
    expect(durationMs(text)).toBeCloseTo(ms, 9)
    expect(goDuration.parse(text)).toBeCloseTo(ms, 9)
  })

  it.each(['', '5', '-1s', 's', '1d', '1 s', ' 1s', '1s ', '1s2', '1e3s', '.s', '--1s', 'PT5S', '1S'])(
    '%j is none',
    (text) => {
      expect(durationMs(text)).toBeUndefined()
      expect(() => goDuration.parse(text)).toThrow('is no duration such as 200ms, 30s or 1h30m')
    },
  )

  it('is no number', () => {
    expect(() => goDuration.parse(200)).toThrow('string')
  })
})

import { describe, expect, test } from 'vitest'
import { parseEpload } from '../../bench/load.ts'

describe('parseEpload', () => {
  test('reads rate, latencies and what failed', () => {
    const line =
      'size=1024 pos=first c=16: 7203 req/s p50=0.87ms p99=1.2s serverCPU=115us/req ok=3990 errs=map[eof:10]\n'
    expect(parseEpload(line, 4000)).toEqual({ requestsPerSecond: 7203, p50Ms: 0.87, p99Ms: 1200, failures: 10 })
  })

  test('reads microseconds in both spellings', () => {
    const line = 'size=1 pos=last c=1: 9 req/s p50=870µs p99=900us ok=1 errs=map[]'
    expect(parseEpload(line, 1)).toMatchObject({ p50Ms: 0.87, p99Ms: 0.9 })
  })

  test('says what is missing', () => {
    expect(() => parseEpload('warmup: no server', 1)).toThrow(/epload printed no .*req.*warmup: no server/)
  })
})

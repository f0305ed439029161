import { expect, test } from 'vitest'
import { parseWrk } from '../../../bench/envoy/wrk.ts'

test('answers with an error status are no requests that came through', () => {
  const output = `Running 1s test @ http://127.0.0.1:8080
  1 threads and 16 connections
  Non-2xx or 3xx responses: 100
{"requests":2100,"refused":100,"broken":3,"micros":2000000,"p50":850,"p99":12000}`
  expect(parseWrk(output)).toEqual({
    completed: 2000,
    requestsPerSecond: 1000,
    p50Ms: 0.85,
    p99Ms: 12,
    failures: 103,
  })
})

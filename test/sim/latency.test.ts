import { expect, test } from 'vitest'
import { firstTokenDelayMs, type Latency, latencyProfiles, nextTokenDelayMs } from '../../src/sim/latency.ts'

const latency: Latency = { ttftMs: 100, itlMs: 10, promptTokenMs: 0.5, adapterLoadMs: 0, jitter: 0, loadFactor: 1 }
const half = () => 0.5

test('the first token waits for the prompt, the next ones do not', () => {
  expect(firstTokenDelayMs(latency, 0, 0, half)).toBe(100)
  expect(firstTokenDelayMs(latency, 200, 0, half)).toBe(200)
  expect(nextTokenDelayMs(latency, 0, half)).toBe(10)
})

test('load slows down in proportion, up to the factor', () => {
  const loaded = { ...latency, loadFactor: 3 }
  expect(nextTokenDelayMs(loaded, 0, half)).toBe(10)
  expect(nextTokenDelayMs(loaded, 0.5, half)).toBe(20)
  expect(nextTokenDelayMs(loaded, 1, half)).toBe(30)
})

test('jitter stays within its share on both sides', () => {
  const jittered = { ...latency, jitter: 0.2 }
  expect(nextTokenDelayMs(jittered, 0, () => 0)).toBeCloseTo(8)
  expect(nextTokenDelayMs(jittered, 0, half)).toBeCloseTo(10)
  expect(nextTokenDelayMs(jittered, 0, () => 0.999999)).toBeCloseTo(12)
})

test('the instant profile takes no time whatever the load', () => {
  expect(firstTokenDelayMs(latencyProfiles.instant, 1_000_000, 1, half)).toBe(0)
  expect(nextTokenDelayMs(latencyProfiles.instant, 1, half)).toBe(0)
})

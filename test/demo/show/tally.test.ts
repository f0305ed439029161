import { expect, test } from 'vitest'
import {
  adapterLoads,
  count,
  firstToken,
  fromCache,
  type Outcome,
  share,
} from '../../../src/demo/scenarios/measures.ts'
import { Tally } from '../../../src/demo/show/tally.ts'
import type { Sim } from '../../../src/sim/sim.ts'

type Fate = { atMs: number; group?: string; state: Outcome['state']; firstTokenMs?: number; endedMs?: number }

function tallyOf(fates: readonly Fate[]): Tally {
  const tally = new Tally()
  for (const { atMs, group, state, firstTokenMs, endedMs = atMs } of fates) {
    const outcome = tally.send({ atMs, body: () => '', ...(group !== undefined && { group }) })
    outcome.firstTokenMs = firstTokenMs
    if (state !== 'waiting') tally.end(outcome, state, endedMs)
  }
  return tally
}

/** A server that has counted so much. */
const server = (promptTokens: number, cachedTokens: number, adapterLoads: number) =>
  ({ metrics: () => ({ promptTokens, cachedTokens, adapterLoads }) }) as Sim

test('percentiles are of requests that were answered, and of those that have waited for long', () => {
  const tally = tallyOf([
    { atMs: 0, state: 'answered', firstTokenMs: 10 },
    { atMs: 0, state: 'answered', firstTokenMs: 30 },
    { atMs: 0, state: 'refused' },
    { atMs: 0, state: 'failed', firstTokenMs: 5 },
    { atMs: 1000, state: 'waiting' },
    { atMs: 4500, state: 'waiting' },
  ])
  const window = tally.dueWithin(0, 5000)
  expect(firstToken(50).of(window)).toBe(30)
  expect(firstToken(99).of(window), 'has waited since 1 s; the one since 4.5 s can still be fast').toBe(4000)
  expect(firstToken(50).of(tally.dueWithin(6000, 7000))).toBeNull()
})

test('groups are measured apart', () => {
  const tally = tallyOf([
    { atMs: 0, group: 'chat', state: 'answered', firstTokenMs: 10 },
    { atMs: 0, group: 'batch', state: 'refused' },
    { atMs: 0, group: 'batch', state: 'answered', firstTokenMs: 500 },
  ])
  const window = tally.dueWithin(0, 1000)
  expect(firstToken(90, 'chat').of(window)).toBe(10)
  expect(firstToken(90, 'chat').name).toBe('chat TTFT p90')
  expect(share('shed', 'refused', 'batch').of(window)).toBe(50)
  expect(share('shed', 'refused', 'nobody').of(window)).toBeNull()
  expect(count('shed', 'refused', 'chat').of(window)).toBe(0)
  expect(count('shed', 'refused').of(window)).toBe(1)
})

test('a point of a series is of what ended in its window, the summary of what was due', () => {
  const tally = tallyOf([
    { atMs: 0, state: 'failed', endedMs: 900 },
    { atMs: 100, state: 'failed', endedMs: 4000 },
    { atMs: 3000, state: 'failed', endedMs: 4500 },
  ])
  const failures = count('failed', 'failed')
  expect(failures.of(tally.endedWithin(1000, 5000))).toBe(2)
  expect(failures.of(tally.endedWithin(4000, 5000))).toBe(1)
  expect(failures.of(tally.dueWithin(2000, 5000))).toBe(1)
})

test('what servers have counted is that of all servers, since the beginning of the window', () => {
  const tally = new Tally()
  tally.sample([server(100, 0, 1), server(100, 0, 0)], 1000)
  tally.sample([server(300, 100, 3), server(300, 50, 1)], 2000)
  expect(fromCache.of(tally.dueWithin(1000, 2000))).toBe(37.5)
  expect(adapterLoads.of(tally.dueWithin(1000, 2000))).toBe(3)
  expect(adapterLoads.of(tally.dueWithin(0, 2000))).toBe(4)
  expect(fromCache.of(new Tally().dueWithin(0, 1))).toBeNull()
})

import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { wait } from '../../src/sim/wait.ts'
import { ManualClock, settled } from '../pool/manual-clock.ts'

const open = new AbortController().signal

test('waits as long as asked for, and not at all for nothing', async () => {
  const clock = new ManualClock()
  let isOver = false
  void wait(clock, 20, open).then(() => (isOver = true))
  await clock.advance(19)
  expect(isOver).toBe(false)
  await clock.advance(1)
  expect(isOver).toBe(true)
  await wait(clock, 0, open)
  await wait(clock, -5, open)
  expect(clock.pendingTimers).toBe(0)
  expect(getEventListeners(open, 'abort')).toEqual([])
})

test('never ends for Infinity, which no timer of Node can wait for', async () => {
  let isOver = false
  void wait(systemClock, Number.POSITIVE_INFINITY, new AbortController().signal).then(() => (isOver = true))
  await new Promise((resolve) => systemClock.after(5, () => resolve(undefined)))
  await settled()
  expect(isOver).toBe(false)
})

test.each([0, 60_000, Number.POSITIVE_INFINITY])('a wait of %d ms ends when the signal is aborted', async (ms) => {
  const clock = new ManualClock()
  const aborted = AbortSignal.abort(new Error('gone'))
  await expect(wait(clock, ms, aborted)).rejects.toThrow('gone')
  if (ms === 0) return
  const connection = new AbortController()
  const waiting = wait(clock, ms, connection.signal)
  connection.abort()
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
  expect(clock.pendingTimers).toBe(0)
})

import { expect, test } from 'vitest'
import { systemClock } from '../../src/sim/clock.ts'

const open = new AbortController().signal

test('waits at least about as long as asked for, and not at all for nothing', async () => {
  const startMs = systemClock.nowMs()
  await systemClock.wait(20, open)
  expect(systemClock.nowMs() - startMs).toBeGreaterThan(18)
  await systemClock.wait(0, open)
  await systemClock.wait(-5, open)
})

test.each([0, 60_000, Number.POSITIVE_INFINITY])('a wait of %d ms ends when the signal is aborted', async (ms) => {
  const aborted = AbortSignal.abort(new Error('gone'))
  await expect(systemClock.wait(ms, aborted)).rejects.toThrow('gone')
  if (ms === 0) return
  const connection = new AbortController()
  const waiting = systemClock.wait(ms, connection.signal)
  connection.abort()
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
})

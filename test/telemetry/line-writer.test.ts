import { expect, test } from 'vitest'
import { LineWriter, lineLimits } from '../../src/telemetry/line-writer.ts'
import { ManualClock, settled } from '../pool/manual-clock.ts'

/** A reader that takes a batch when the test says so. */
function slowReader() {
  const batches: string[] = []
  const pending: (() => void)[] = []
  return {
    batches,
    read: () => pending.shift()?.(),
    sink: {
      write(text: string, done: () => void) {
        batches.push(text)
        pending.push(done)
      },
    },
  }
}

const eager = (batches: string[]) => ({
  write(text: string, done: () => void) {
    batches.push(text)
    done()
  },
})

test('lines wait a moment for others, and leave in one write', async () => {
  const clock = new ManualClock()
  const batches: string[] = []
  const writer = new LineWriter(eager(batches), clock)
  writer.write('a\n')
  await clock.advance(lineLimits.batchMs / 2)
  writer.write('b\n')
  expect(batches).toEqual([])
  await clock.advance(lineLimits.batchMs / 2)
  expect(batches).toEqual(['a\nb\n'])
  expect(clock.pendingTimers).toBe(0)
})

test('a write is whole lines, and no more of them than a pipe takes at once', async () => {
  const clock = new ManualClock()
  const batches: string[] = []
  const writer = new LineWriter(eager(batches), clock)
  const lines = Array.from({ length: 100 }, (_, i) => `${'é'.repeat(i)}\n`)
  for (const line of lines) writer.write(line)
  await clock.advance(lineLimits.batchMs)
  expect(batches.join('')).toBe(lines.join(''))
  for (const batch of batches) {
    expect(batch.endsWith('\n')).toBe(true)
    expect(Buffer.byteLength(batch)).toBeLessThanOrEqual(lineLimits.maxBatchBytes)
  }
})

test('a reader that does not read loses lines, and nobody waits for it', async () => {
  const clock = new ManualClock()
  const { sink, batches, read } = slowReader()
  const writer = new LineWriter(sink, clock)
  const line = `${'x'.repeat(999)}\n`
  const room = Math.floor(lineLimits.maxWaitingBytes / line.length)
  const taken = Array.from({ length: room + 50 }, () => writer.write(line))
  expect(taken.filter((isTaken) => isTaken).length).toBe(room)
  await clock.advance(1000)
  expect(batches.length).toBe(1)
  read()
  expect(writer.write(line)).toBe(true)
  for (let i = 0; i < room; i += 1) read()
  expect(batches.join('').length).toBe((room + 1) * line.length)
})

test('a flush is over when the last line is written', async () => {
  const clock = new ManualClock()
  const { sink, read } = slowReader()
  const writer = new LineWriter(sink, clock)
  await writer.flush()
  writer.write('a\n')
  let isFlushed = false
  void writer.flush().then(() => {
    isFlushed = true
  })
  await settled()
  expect(isFlushed).toBe(false)
  read()
  await settled()
  expect(isFlushed).toBe(true)
})

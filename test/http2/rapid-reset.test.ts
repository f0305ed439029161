import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { connectTo, RawCall } from '../extproc/serving.ts'
import { connectRaw, countedEcho, serveHttp2 } from './serving.ts'
import { opens, preface, readFrames, rstStream, settings } from './wire.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** Bytes of the heap and of Buffers that are in use, once it does not become less any more. */
async function usedBytes(): Promise<number> {
  let bytes = Number.POSITIVE_INFINITY
  for (let unchanged = 0; unchanged < 3; unchanged++) {
    collectGarbage()
    await setImmediate()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    if (heapUsed + arrayBuffers < bytes) unchanged = 0
    bytes = heapUsed + arrayBuffers
  }
  return bytes
}

test('100,000 streams opened and reset on one connection leave nothing behind, and others are served meanwhile', async () => {
  const { serve, open, timesClosed } = countedEcho()
  const { port } = await serveHttp2(serve)
  const session = await connectTo(port)
  const socket = await connectRaw(port)
  let received: Buffer[] = []
  socket.on('data', (bytes: Buffer) => received.push(bytes))
  socket.write(Buffer.concat([preface, settings()]))
  const perRound = 5000
  let id = 1
  const resetRound = async () => {
    const frames: Buffer[] = []
    const closedBefore = timesClosed()
    for (let i = 0; i < perRound; i++, id += 2) frames.push(opens(id), rstStream(id, 8))
    socket.write(Buffer.concat(frames))
    const call = new RawCall(session, '/test')
    call.stream.end('served meanwhile')
    expect(await call.result()).toMatchObject({ http: 200, status: 0, reset: 0 })
    expect(call.received.toString()).toBe('served meanwhile')
    await expect.poll(() => timesClosed() - closedBefore, { interval: 5 }).toBe(perRound + 1)
    received = []
  }
  // What is made once is made.
  for (let round = 0; round < 4; round++) await resetRound()
  const before = await usedBytes()
  for (let round = 0; round < 16; round++) await resetRound()
  expect((await usedBytes()) - before).toBeLessThan(2 * 1024 * 1024)
  expect(open.size).toBe(0)
  expect(socket.destroyed).toBe(false)
})

test('what a reset stream is answered never comes after its reset has been read', async () => {
  const { serve } = countedEcho()
  const { port } = await serveHttp2(serve)
  const socket = await connectRaw(port)
  const received: Buffer[] = []
  socket.on('data', (bytes: Buffer) => received.push(bytes))
  socket.write(Buffer.concat([preface, settings(), opens(1), rstStream(1, 8), opens(3), rstStream(3, 8)]))
  const streams = () => {
    try {
      return readFrames(Buffer.concat(received)).map(({ streamId }) => streamId)
    } catch {
      return []
    }
  }
  // SETTINGS, WINDOW_UPDATE, the acknowledgement, and headers that were written before the reset came.
  await expect.poll(streams).toEqual([0, 0, 0, 1, 3])
})

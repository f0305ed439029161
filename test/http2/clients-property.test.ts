import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { setImmediate } from 'node:timers/promises'
import { Client, credentials } from '@grpc/grpc-js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { maxFrameBytes, maxStreamUnsentBytes, streamWindowBytes } from '../../src/http2/limits.ts'
import { connectTo } from '../extproc/serving.ts'
import { patternedBytes } from '../fuzz/processing-request.ts'
import { type Random, seededRandom } from '../fuzz/random.ts'
import { countedEcho, serveHttp2 } from './serving.ts'

/** Sizes around those at which something changes. */
const sizes = [0, 1, 100, 8192, maxFrameBytes, maxStreamUnsentBytes, streamWindowBytes / 2, 65_535, streamWindowBytes]
const sizeOf = (random: Random): number =>
  random.chance(0.1) ? 300_000 + random.below(300_000) : Math.max(0, random.pick(sizes) + random.below(5) - 2)
const all = patternedBytes(1_000_000)

async function serveCountedEcho() {
  const counted = countedEcho()
  const { port } = await serveHttp2(counted.serve)
  const expectNothingOpen = () => expect.poll(() => counted.open.size).toBe(0)
  return { port, ...counted, expectNothingOpen }
}

/** A piece, and then perhaps a pause: so that pieces come alone, and together. */
async function sendInPieces(stream: ClientHttp2Stream, body: Buffer, random: Random): Promise<void> {
  let at = 0
  while (at < body.length && stream.writable) {
    const end = at + 1 + random.below(random.pick([10, 1000, 20_000, 200_000]))
    stream.write(body.subarray(at, end))
    at = end
    if (random.chance(0.5)) await setImmediate()
  }
  stream.end()
}

/** Reads by fits and starts. */
async function receive(stream: ClientHttp2Stream, random: Random): Promise<Buffer> {
  const pieces: Buffer[] = []
  stream.on('data', (piece: Buffer) => {
    pieces.push(piece)
    if (random.chance(0.7)) return
    stream.pause()
    void setImmediate().then(() => stream.resume())
  })
  await new Promise((resolve) => stream.once('close', resolve))
  return Buffer.concat(pieces)
}

describe.each([1, 2, 3, 4])('node:http2 as client, seed %i', (seed) => {
  test('gets back what it sends on many streams at once, though others are reset', async () => {
    const random = seededRandom(seed)
    const { port, open, timesClosed, expectNothingOpen } = await serveCountedEcho()
    const sessions = await Promise.all([connectTo(port), connectTo(port)])
    const count = 100
    const exchange = async (session: ClientHttp2Session): Promise<void> => {
      const body = all.subarray(0, sizeOf(random))
      const stream = session.request({ ':method': 'POST', ':path': '/test' })
      let trailers: unknown
      stream.on('trailers', (received) => (trailers = received['grpc-status']))
      stream.on('error', () => {})
      const isReset = random.chance(0.3)
      if (isReset) {
        // When some of it is back, or at once.
        if (random.chance(0.5)) stream.once('data', () => stream.close(8))
        else void setImmediate().then(() => stream.close(8))
      }
      const received = receive(stream, random)
      await sendInPieces(stream, body, random)
      const bytes = await received
      expect(bytes.equals(isReset ? body.subarray(0, bytes.length) : body)).toBe(true)
      if (!isReset) expect([trailers, stream.rstCode]).toEqual(['0', 0])
    }
    const exchanges: Promise<void>[] = []
    for (let i = 0; i < count; i++) {
      exchanges.push(exchange(random.pick(sessions)))
      if (random.chance(0.2)) await setImmediate()
    }
    await Promise.all(exchanges)
    await expectNothingOpen()
    expect(timesClosed()).toBeLessThanOrEqual(count)
    expect(open.size).toBe(0)
  })
})

describe('@grpc/grpc-js as client', () => {
  const identity = (bytes: Buffer): Buffer => bytes

  function openClient(port: number): Client {
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
    })
    onTestFinished(() => client.close())
    return client
  }

  test('gets its messages back, one by one and many at once', async () => {
    const random = seededRandom(5)
    const { port, expectNothingOpen, timesClosed } = await serveCountedEcho()
    const client = openClient(port)
    const calls = Array.from({ length: 60 }, async () => {
      const messages = Array.from({ length: random.below(6) }, () => all.subarray(0, sizeOf(random)))
      const call = client.makeBidiStreamRequest('/test.Echo/Echo', identity, identity)
      const received: Buffer[] = []
      call.on('data', (message: Buffer) => received.push(message))
      const status = new Promise((resolve) => call.once('status', resolve))
      for (const message of messages) {
        call.write(message)
        if (random.chance(0.5)) await setImmediate()
      }
      call.end()
      expect(await status).toMatchObject({ code: 0 })
      expect(received.map((message) => message.length)).toEqual(messages.map((message) => message.length))
      expect(Buffer.concat(received).equals(Buffer.concat(messages))).toBe(true)
    })
    await Promise.all(calls)
    await expectNothingOpen()
    expect(timesClosed()).toBe(calls.length)
  })

  test('cancels, and nothing stays open', async () => {
    const random = seededRandom(6)
    const { port, expectNothingOpen } = await serveCountedEcho()
    const client = openClient(port)
    const calls = Array.from({ length: 60 }, async () => {
      const call = client.makeBidiStreamRequest('/test.Echo/Echo', identity, identity)
      call.on('error', () => {})
      const status = new Promise((resolve) => call.once('status', resolve))
      call.write(all.subarray(0, sizeOf(random)))
      if (random.chance(0.7)) await new Promise((resolve) => call.once('data', resolve))
      call.cancel()
      expect(await status).toMatchObject({ code: 1 })
    })
    await Promise.all(calls)
    await expectNothingOpen()
  })
})

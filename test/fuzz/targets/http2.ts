import { deepEqual, equal, ok } from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Connection } from '../../../src/http2/connection.ts'
import { flag, frameType } from '../../../src/http2/frame.ts'
import { encodeHeaders } from '../../../src/http2/hpack/encode.ts'
import { maxFrameBytes } from '../../../src/http2/limits.ts'
import type { ServerStream } from '../../../src/http2/stream.ts'
import { data, frame, ping, preface, readFrames, rstStream, settings, uint32, windowUpdate } from '../../http2/wire.ts'
import { HpackEncoder } from '../hpack-encoder.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { randomPieces, wholly } from '../pieces.ts'
import { type Random, seededRandom } from '../random.ts'
import { type BytesCase, defineTarget, toBytes, toText } from '../target.ts'

type ConnectionCase = BytesCase & {
  /** Where nothing is damaged: the headers of each stream that opens. */
  readonly headers?: readonly (readonly string[])[]
}

const names = ['te', 'grpc-timeout', 'content-type', 'x-a', 'x-b', 'user-agent', 'x'.repeat(100), 'accept-encoding']
const values = ['trailers', '1S', 'application/grpc', '', 'a', 'b', 'y'.repeat(300), 'z'.repeat(1500), 'é']

function requestHeaders(random: Random): (readonly [string, string])[] {
  const more = Array.from(
    { length: random.below(5) },
    () => [random.pick(names.slice(1)), random.pick(values)] as const,
  )
  const path = random.pick(['/envoy.service.ext_proc.v3.ExternalProcessor/Process', '/', '/x'])
  return [
    [':method', 'POST'],
    [':scheme', random.pick(['http', 'https'])],
    [':path', path],
    ['te', 'trailers'],
    ...more,
  ]
}

/** HEADERS in one frame or with CONTINUATION, with padding and priority by chance. */
function headerFrames(random: Random, streamId: number, block: Buffer, ends: boolean): Buffer[] {
  const cut = random.chance(0.2) ? random.below(block.length + 1) : block.length
  let payload = block.subarray(0, cut)
  let flags = (ends ? flag.endStream : 0) | (cut === block.length ? flag.endHeaders : 0)
  if (random.chance(0.1)) {
    flags |= flag.priority
    payload = Buffer.concat([uint32(random.below(9)), Buffer.from([16]), payload])
  }
  if (random.chance(0.1)) {
    flags |= flag.padded
    const padding = random.below(20)
    payload = Buffer.concat([Buffer.from([padding]), payload, Buffer.alloc(padding)])
  }
  const first = frame(frameType.headers, flags, streamId, payload)
  if (cut === block.length) return [first]
  return [first, frame(frameType.continuation, flag.endHeaders, streamId, block.subarray(cut))]
}

function session(random: Random) {
  const encoder = new HpackEncoder(random)
  const frames = [preface, settings(...(random.chance(0.5) ? [4, random.pick([0, 10, 65_535, 1_000_000])] : []))]
  const headers: string[][] = []
  let lastStreamId = -1
  const open = new Set<number>()
  for (let left = 1 + random.below(12); left > 0; left--) {
    const streamId = open.size > 0 ? random.pick([...open]) : undefined
    const step = streamId === undefined ? 0 : random.below(9)
    if (step < 2 || streamId === undefined) {
      lastStreamId += 2
      const given = requestHeaders(random)
      const ends = random.chance(0.2)
      frames.push(...headerFrames(random, lastStreamId, encoder.block(given), ends))
      headers.push(given.flat())
      if (!ends) open.add(lastStreamId)
    } else if (step < 6) {
      const ends = random.chance(0.3)
      const payload = Buffer.alloc(random.pick([0, 1, 5, 200, 3000]), 'd')
      frames.push(ends ? frame(frameType.data, flag.endStream, streamId, payload) : data(streamId, payload))
      if (ends) open.delete(streamId)
    } else if (step === 6) {
      frames.push(rstStream(streamId, random.below(14)))
      open.delete(streamId)
    } else if (step === 7) frames.push(windowUpdate(random.pick([0, streamId]), random.pick([1, 1000, 2 ** 20])))
    else frames.push(random.pick([ping(), settings(), frame(random.below(20) + 10, 0, 0, 'unknown')]))
  }
  return { frames, headers }
}

const answerHeaders = encodeHeaders({ ':status': '200', 'content-type': 'application/grpc' })
const trailers = encodeHeaders({ 'grpc-status': '0' })

/** What is told of the streams of a connection whose client sends these pieces; each is served in a way of its own. */
function serve(pieces: readonly Buffer[]) {
  const written: Buffer[] = []
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(Buffer.from(chunk))
      done()
    },
  })
  socket.on('error', () => {})
  const streams: { headers: string[]; body: Buffer[]; hasEnded: boolean; timesClosed: number }[] = []
  const connection = new Connection(socket, (stream: ServerStream, headers) => {
    const told = { headers: [...headers], body: [] as Buffer[], hasEnded: false, timesClosed: 0 }
    streams.push(told)
    const way = stream.id % 5
    if (way === 0) stream.reset(8)
    else stream.respond(answerHeaders)
    if (way === 1) stream.end(trailers)
    return {
      data(chunk, start, end) {
        ok(end > start && told.timesClosed === 0 && !told.hasEnded, 'data where there can be none')
        // Only of what has come before the stream was over it is certain that all of it is told.
        if (!stream.isOver) told.body.push(Buffer.from(chunk.subarray(start, end)))
        stream.write(chunk.subarray(start, end))
        stream.flush()
      },
      end() {
        ok(told.timesClosed === 0 && !told.hasEnded, 'an end where there can be none')
        told.hasEnded = true
        stream.end(trailers)
      },
      closed() {
        told.timesClosed++
      },
    }
  })
  for (const piece of pieces) socket.emit('data', piece)
  const sizeBefore = connection.size
  connection.closed()
  connection.closed()
  socket.destroy()
  for (const { timesClosed } of streams) equal(timesClosed, 1, 'closed once')
  equal(connection.size, 0)
  return {
    streams: streams.map(({ headers, body, hasEnded }) => ({ headers, body: toText(Buffer.concat(body)), hasEnded })),
    sizeBefore,
    written: Buffer.concat(written),
  }
}

export const http2 = defineTarget<ConnectionCase>({
  name: 'http2',
  promise: 'whatever a client sends, streams are told the same in any pieces, close once, and answers are whole frames',

  generate(random) {
    const { frames, headers } = session(random)
    const cut = random.below(2 ** 31)
    if (random.chance(0.2)) return { bytes: toText(Buffer.concat(frames)), cut, headers }
    const victims = new Set(Array.from({ length: 1 + random.below(3) }, () => random.below(frames.length)))
    const damaged = frames.map((each, i) => (victims.has(i) ? mutateBytes(each, random, frames) : each))
    if (random.chance(0.2)) damaged.splice(random.below(damaged.length), 1)
    if (random.chance(0.2)) damaged.splice(random.below(damaged.length + 1), 0, random.pick(frames))
    return { bytes: toText(Buffer.concat(damaged)), cut }
  },

  async check({ bytes, cut, headers }) {
    const sent = toBytes(bytes)
    const whole = serve(wholly(sent))
    const inPieces = serve(randomPieces(sent, seededRandom(cut)))
    deepEqual(inPieces.streams, whole.streams)
    equal(inPieces.sizeBefore, whole.sizeBefore)
    if (headers !== undefined) {
      deepEqual(
        whole.streams.map(({ headers }) => headers),
        headers.map((each) => each.map((text) => Buffer.from(text, 'latin1').toString('latin1'))),
      )
    }
    for (const { written } of [whole, inPieces]) {
      const answers = readFrames(written)
      const ended = new Set<number>()
      for (const { type, flags, streamId, payload } of answers) {
        ok(payload.length <= maxFrameBytes)
        if (type === frameType.data || type === frameType.headers) {
          ok(streamId % 2 === 1 && !ended.has(streamId), 'an answer after its end')
          if (flags & flag.endStream) ended.add(streamId)
        } else if (type === frameType.rstStream) ended.add(streamId)
      }
      const goaways = answers.filter(({ type }) => type === frameType.goaway)
      ok(goaways.length <= 1, 'more than one GOAWAY')
    }
    // Lets sockets and timers go.
    await nextTurn()
  },
})

import { Duplex } from 'node:stream'
import { bench, do_not_optimize, run, summary } from 'mitata'
import { Connection } from '../../src/http2/connection.ts'
import { FrameReader } from '../../src/http2/frame-reader.ts'
import { FrameWriter } from '../../src/http2/frame-writer.ts'
import { HpackDecoder } from '../../src/http2/hpack/decoder.ts'
import { echo, okBlock, trailersBlock } from '../../test/http2/echo.ts'
import { data, ends, opens, preface, settings } from '../../test/http2/wire.ts'

/** Headers of ext_proc streams as Envoy 1.40 and grpc-go 1.85 send them: the first of a connection, and the ones after it. */
const blocks = {
  envoyFirst: Buffer.from(
    '8304a560b5773fa5d05b3b98855cbe5315761c8bf7657c1e525b2a1d1aec390a841ec635d8721508418741a6a874467f3f8640027465864d83' +
      '3505b11f5f8b1d75d0620d263d4c4d6564408cf2b16aee7f4b1aa496ca8747834d9697408bf2b4a7b3c0ec90b22d29ec87089d5c0b8170ff' +
      '4096f2b16aee7f4b17cd65224b22d6765926a4a7b52b528f821360',
    'hex',
  ),
  envoyLater: Buffer.from(
    '8304a560b5773fa5d05b3b98855cbe5315761c8bf7657c1e525b2a1d1aec390a841ec635d8721508c386c2c1c0bfbe',
    'hex',
  ),
  grpcGoFirst: Buffer.from(
    '838645a560b5773fa5d05b3b98855cbe5315761c8bf7657c1e525b2a1d1aec390a841ec635d8721508418a089d5c0b8170dc7c00175f8b1d75' +
      'd0620d263d4c4d65647a8a9acac8b4c7602bbcdae040027465864d833505b11f40899acac8b24d494f6a7f8713efbef3a17adf',
    'hex',
  ),
}

/** A socket that takes everything at once. */
const socket = () =>
  new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      done()
    },
  })

/** A stream with 1 KB of body, as it comes: headers, the message with them, the body, the end. */
const streamOf = (streamId: number): Buffer =>
  Buffer.concat([
    opens(streamId, blocks.envoyLater),
    data(streamId, Buffer.alloc(355)),
    data(streamId, Buffer.alloc(1013)),
    ends(streamId),
  ])
const idOffsets: number[] = []
for (let at = 5; at < streamOf(1).length; at += 9 + streamOf(1).readUIntBE(at - 5, 3)) idOffsets.push(at)

const first = opens(1, blocks.envoyFirst)

const told = { frames: 0, bytes: 0 }
const reader = new FrameReader({
  preface() {},
  dataBegins() {},
  data(_chunk, start, end) {
    told.bytes += end - start
  },
  dataEnds() {
    told.frames++
  },
  frame() {
    told.frames++
  },
})
reader.push(preface)
const wholeStream = streamOf(3)
const halves = [wholeStream.subarray(0, 400), wholeStream.subarray(400)]

summary(() => {
  bench('frames of a stream with 1 KB', () => reader.push(wholeStream))
  bench('frames of a stream with 1 KB, in two chunks', () => {
    for (const half of halves) reader.push(half)
  })
})

const echoSocket = socket()
// Answers with what came, and the end.
new Connection(echoSocket, echo)
echoSocket.emit('data', Buffer.concat([preface, settings(), first]))
let nextId = 3
bench('a stream with 1 KB, echoed by a connection', () => {
  const bytes = Buffer.from(wholeStream)
  for (const at of idOffsets) bytes.writeUInt32BE(nextId, at)
  nextId += 2
  echoSocket.emit('data', bytes)
})

const list: string[] = []
const decoders = { first: new HpackDecoder(), later: new HpackDecoder() }
decoders.later.decode(blocks.envoyFirst, 0, blocks.envoyFirst.length, list)
summary(() => {
  bench('headers of Envoy', () => decoders.later.decode(blocks.envoyLater, 0, blocks.envoyLater.length, list))
  bench('headers of Envoy, the first of a connection', () =>
    decoders.first.decode(blocks.envoyFirst, 0, blocks.envoyFirst.length, list),
  )
  bench('headers of grpc-go, the first of a connection', () =>
    decoders.first.decode(blocks.grpcGoFirst, 0, blocks.grpcGoFirst.length, list),
  )
})
do_not_optimize(list)

const writer = new FrameWriter(socket())
const small = Buffer.alloc(200)
const large = Buffer.alloc(16_384)
const answer = (body: Buffer) => {
  writer.headers(1, okBlock, false)
  writer.data(1, body.length)
  writer.dataPiece(body, 0, body.length)
  writer.headers(1, trailersBlock, true)
  writer.flush()
}
summary(() => {
  bench('an answer of 200 bytes, written', () => answer(small))
  bench('an answer of 16 KiB, written', () => answer(large))
})

await run()

import { status } from '@grpc/grpc-js'
import { describe, expect, test } from 'vitest'
import { GrpcError, grpcStatus } from '../../src/extproc/message-reader.ts'
import { MalformedMessage, wireType } from '../../src/extproc/wire.ts'
import { deserializeRequest, grpcMessage, serializeRequest } from '../fuzz/ext-proc-oracle.ts'
import { atEverySplit, byteByByte, cutAt, wholly } from '../fuzz/pieces.ts'
import { expectedEvents, type ProcessingRequest, patternedBytes } from '../fuzz/processing-request.ts'
import { field, nested, varint } from '../fuzz/protobuf.ts'
import { maxMessageBytes, mebibyte, openReader, readStream } from '../fuzz/read-stream.ts'

const endOfStream = field(2, wireType.varint, varint(1))
const body = (...content: Buffer[]) => grpcMessage(nested(4, ...content))
const headers = grpcMessage(
  serializeRequest({
    request_headers: { headers: { headers: [{ key: ':method', raw_value: Buffer.from('POST') }] } },
    protocol_config: { request_body_mode: 'FULL_DUPLEX_STREAMED' },
  }),
)
/** A reader that has read the first message of its stream. */
function openedReader() {
  const opened = openReader()
  opened.reader.push(headers)
  return opened
}

/** A stream as Envoy sends it, and shapes of messages that it could send. */
const stream: ProcessingRequest[] = [
  {
    request_headers: { headers: { headers: [{ key: ':path', raw_value: Buffer.from('/v1/é') }] } },
    protocol_config: {},
  },
  { request_body: { body: Buffer.from('a first chunk') } },
  { request_body: { body: Buffer.from('another, which is the last'), end_of_stream: true } },
  { request_body: { end_of_stream: true } },
  { request_body: {} },
  { request_body: { body: Buffer.alloc(0), end_of_stream: false } },
  { request_trailers: {} },
  { response_headers: { headers: { headers: [{ key: ':status', value: '200' }] }, end_of_stream: false } },
  { response_body: { body: Buffer.from('an answer'), end_of_stream: true }, protocol_config: {} },
]

describe('a stream of messages', () => {
  const messages = stream.map((request) => serializeRequest(request))
  const bytes = Buffer.concat(messages.map((message) => grpcMessage(message)))
  const expected = messages.flatMap((message) => expectedEvents(deserializeRequest(message)))

  test('is told the same at every split', () => {
    expect(expected).toHaveLength(11)
    expect(readStream(wholly(bytes))).toEqual(expected)
    expect(readStream(byteByByte(bytes))).toEqual(expected)
    for (const [offset, pieces] of atEverySplit(bytes).entries()) {
      expect(readStream(pieces), `split at byte ${offset}`).toEqual(expected)
    }
  })

  test('is told the same at every two splits that are close', () => {
    for (let offset = 0; offset < bytes.length - 16; offset++) {
      for (const next of [1, 4, 5, 11, 12, 13, 16]) {
        expect(readStream(cutAt(bytes, [offset, offset + next])), `${offset}, ${next}`).toEqual(expected)
      }
    }
  })
})

describe('a body in several chunks', () => {
  const content = patternedBytes(50_000)
  const message = body(nested(1, content), endOfStream)

  test('is told as it arrives, without copying', () => {
    const { recorder, reader } = openedReader()
    const chunks = cutAt(message, [16_384, 32_768])
    let told = 0
    for (const chunk of chunks.slice(0, 2)) {
      reader.push(chunk)
      const [piece] = recorder.pieces.slice(-1)
      expect(piece.buffer).toBe(chunk.buffer)
      told += piece.length
    }
    expect(recorder.pieces).toHaveLength(2)
    expect(told).toBeGreaterThan(32_768 - 16)
    expect(reader.isBetweenMessages).toBe(false)
    reader.push(chunks[2])
    expect(reader.isBetweenMessages).toBe(true)
    expect(recorder.events.at(-1)).toEqual({
      told: 'requestBody',
      body: content.toString('base64'),
      endOfStream: true,
    })
  })

  test('is gathered in the first message, whose protocol_config comes after it', () => {
    const { recorder, reader } = openReader()
    const first = nested(4, nested(1, content), endOfStream)
    const config = nested(11, field(1, wireType.varint, varint(2)))
    const chunks = cutAt(grpcMessage(Buffer.concat([first, config])), [16_384, 32_768])
    for (const chunk of chunks.slice(0, 2)) reader.push(chunk)
    expect(recorder.pieces).toHaveLength(0)
    reader.push(chunks[2])
    expect(recorder.events).toEqual([
      { told: 'protocolConfig', modes: [2, 0, false] },
      { told: 'requestBody', body: content.toString('base64'), endOfStream: true },
    ])
  })

  test('ends at once when nothing follows the body', () => {
    const { recorder, reader } = openedReader()
    const bare = body(nested(1, content))
    reader.push(bare.subarray(0, 20_000))
    reader.push(bare.subarray(20_000))
    expect(recorder.events.at(-1)).toMatchObject({ told: 'requestBody', endOfStream: false })
  })

  test.each([
    ['an empty body and a long unknown field', body(nested(1), nested(15, Buffer.alloc(300)), endOfStream)],
    ['no body at all', body(nested(15, Buffer.alloc(300)), endOfStream)],
    [
      'an HttpBody of no bytes before an unknown field 1',
      grpcMessage(Buffer.concat([nested(4), nested(1, Buffer.alloc(300))])),
    ],
    [
      'an unknown field before it',
      grpcMessage(Buffer.concat([nested(12, Buffer.alloc(300)), nested(4, nested(1, content))])),
    ],
    [
      'metadata after it',
      grpcMessage(Buffer.concat([nested(4, nested(1, content)), nested(8, nested(2, Buffer.alloc(300)))])),
    ],
    [
      'lengths of five bytes',
      grpcMessage(Buffer.concat([varint(0x22), varint(10, 5), varint(0x0a), varint(4, 5), Buffer.from('abcd')])),
    ],
  ])('may come with %s', (_, message) => {
    const whole = openedReader()
    whole.reader.push(message)
    expect(whole.recorder.events).toHaveLength(3)
    for (let offset = 0; offset < Math.min(message.length, 400); offset++) {
      const parts = openedReader()
      for (const piece of cutAt(message, [offset])) parts.reader.push(piece)
      expect(parts.recorder.events, `split at byte ${offset}`).toEqual(whole.recorder.events)
    }
  })
})

describe('what a reader does not take', () => {
  const limit = grpcMessage(Buffer.alloc(0))
  limit.writeUInt32BE(maxMessageBytes + 1, 1)

  test('a message over the limit, as soon as its length is there', () => {
    const { reader } = openReader()
    reader.push(limit.subarray(0, 4))
    try {
      reader.push(limit.subarray(4))
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(GrpcError)
      expect(error).toMatchObject({
        status: grpcStatus.resourceExhausted,
        message: 'message of 2097153 bytes, more than the limit of 2097152',
      })
    }
  })

  test('another than the first over the limit, as soon as it is seen to be no body', () => {
    const message = grpcMessage(nested(2, Buffer.alloc(maxMessageBytes)))
    for (const offset of [1, 5, 6, 16]) {
      const { reader } = openedReader()
      reader.push(message.subarray(0, offset))
      expect(() => reader.push(message.subarray(offset, 17)), `split at byte ${offset}`).toThrow(GrpcError)
    }
  })

  test('what follows a body in its message, when that is over the limit', () => {
    const message = grpcMessage(
      Buffer.concat([nested(4, nested(1, Buffer.alloc(9))), nested(8, Buffer.alloc(maxMessageBytes))]),
    )
    expect(() => openedReader().reader.push(message.subarray(0, 100))).toThrow(GrpcError)
  })

  test('a body over the limit is taken, as it is told while it comes', () => {
    const content = patternedBytes(maxMessageBytes + 1)
    const message = body(nested(1, content), endOfStream)
    const expected = expectedEvents({ request_body: { body: content, end_of_stream: true } })
    for (const offset of [1, 5, 6, 16, 17, 18, message.length - 1]) {
      const { recorder, reader } = openedReader()
      const before = recorder.events.length
      for (const piece of cutAt(message, [offset])) reader.push(piece)
      expect(recorder.events.slice(before), `split at byte ${offset}`).toEqual(expected)
    }
  })

  test('a message of the limit is taken', () => {
    const { recorder, reader } = openReader()
    const overhead = body(nested(1, Buffer.alloc(mebibyte))).length - 5 - mebibyte
    const message = body(nested(1, Buffer.alloc(maxMessageBytes - overhead)))
    expect(message.length).toBe(5 + maxMessageBytes)
    reader.push(message)
    expect(recorder.events).toHaveLength(1)
  })

  test.each([1, 2, 255])('a compressed message (flag %d)', (flag) => {
    try {
      openReader().reader.push(grpcMessage(nested(6), flag))
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(GrpcError)
      expect(error).toMatchObject({ status: grpcStatus.unimplemented })
    }
  })

  test('a message of no bytes, which has no event', () => {
    const push = () => openReader().reader.push(grpcMessage(Buffer.alloc(0)))
    expect(push).toThrow(MalformedMessage)
    expect(push).toThrow('a ProcessingRequest without an event')
  })

  test.each([
    ['a second body', body(nested(1, Buffer.alloc(100)), nested(1, Buffer.alloc(9)))],
    ['a second event', grpcMessage(Buffer.concat([nested(4, nested(1, Buffer.alloc(100))), nested(7)]))],
    ['a body that is longer than its HttpBody', grpcMessage(nested(4, Buffer.from([0x0a, 100]), Buffer.alloc(90)))],
    [
      'an HttpBody that is longer than its message',
      grpcMessage(Buffer.concat([Buffer.from([0x22, 120, 0x0a, 118]), Buffer.alloc(100)])),
    ],
    ['a length of ten bytes', grpcMessage(Buffer.concat([varint(0x22), varint(90, 10), Buffer.alloc(90)]))],
    [
      'a body length of ten bytes',
      grpcMessage(Buffer.concat([varint(0x22), varint(90), varint(0x0a), varint(79, 10), Buffer.alloc(79)])),
    ],
  ])('%s, in any two pieces', (_, message) => {
    for (let offset = 0; offset <= message.length; offset++) {
      const { reader } = openedReader()
      const pushAll = () => {
        for (const piece of cutAt(message, [offset])) reader.push(piece)
      }
      expect(pushAll, `split at byte ${offset}`).toThrow(MalformedMessage)
    }
  })
})

test('statuses have the numbers of gRPC', () => {
  expect(grpcStatus).toEqual({
    ok: status.OK,
    invalidArgument: status.INVALID_ARGUMENT,
    deadlineExceeded: status.DEADLINE_EXCEEDED,
    notFound: status.NOT_FOUND,
    resourceExhausted: status.RESOURCE_EXHAUSTED,
    unimplemented: status.UNIMPLEMENTED,
    internal: status.INTERNAL,
    unavailable: status.UNAVAILABLE,
  })
})

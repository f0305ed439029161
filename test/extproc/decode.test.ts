import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bodyMode, decodeRequest } from '../../src/extproc/decode.ts'
import { type HeaderTable, slot } from '../../src/extproc/headers.ts'
import { MalformedMessage, wireType } from '../../src/extproc/wire.ts'
import { deserializeRequest, serializeRequest } from '../fuzz/ext-proc-oracle.ts'
import { anyByte, mutate, randomBytes } from '../fuzz/mutate.ts'
import { EventRecorder, expectedEvents, headerTable, processingRequest, type Told } from '../fuzz/processing-request.ts'
import { field, nested, processingRequestShape, rewriteMessage, varint } from '../fuzz/protobuf.ts'
import { fuzzRuns, fuzzTimeoutMs, seededRandom } from '../fuzz/random.ts'

function decode(message: Buffer, table: HeaderTable = headerTable): Told[] {
  const recorder = new EventRecorder()
  decodeRequest(message, 0, message.length, table, recorder)
  return recorder.events
}

/** HttpHeaders in field 2 with these HeaderValues. */
const requestHeaders = (...headers: Buffer[]) => nested(2, nested(1, ...headers.map((header) => nested(1, header))))
const text = (fieldNumber: number, value: string) => nested(fieldNumber, Buffer.from(value))
const pathOf = (...headers: Buffer[]) => {
  const [event] = decode(requestHeaders(...headers))
  return 'headers' in event ? event.headers[slot.path] : 'no headers'
}

describe('a header value', () => {
  test('is the raw value, as Envoy sends it', () => {
    expect(pathOf(Buffer.concat([text(1, ':path'), text(3, '/v1/é')]))).toBe('/v1/é')
  })

  test('is the value where there is no raw value', () => {
    expect(pathOf(Buffer.concat([text(1, ':path'), text(2, '/v1')]))).toBe('/v1')
    expect(pathOf(Buffer.concat([text(1, ':path'), text(2, '/v1'), text(3, '')]))).toBe('/v1')
    expect(pathOf(Buffer.concat([text(3, ''), text(2, '/v1'), text(1, ':path')]))).toBe('/v1')
  })

  test('is the raw value of both, in any order', () => {
    expect(pathOf(Buffer.concat([text(1, ':path'), text(2, 'value'), text(3, 'raw')]))).toBe('raw')
    expect(pathOf(Buffer.concat([text(3, 'raw'), text(2, 'value'), text(1, ':path')]))).toBe('raw')
  })

  test('is the last of a field that comes more than once', () => {
    expect(pathOf(Buffer.concat([text(1, ':path'), text(2, 'a'), text(2, 'b')]))).toBe('b')
    expect(pathOf(Buffer.concat([text(1, ':path'), text(3, 'a'), text(3, ''), text(2, 'b')]))).toBe('b')
    expect(pathOf(Buffer.concat([text(1, ':status'), text(3, 'a'), text(1, ':path')]))).toBe('a')
  })

  test('is empty when both are, and absent when the header is', () => {
    expect(pathOf(text(1, ':path'))).toBe('')
    expect(pathOf(text(1, ':method'))).toBeUndefined()
    expect(pathOf()).toBeUndefined()
  })

  test('is that of the last header of its name', () => {
    const first = Buffer.concat([text(1, ':path'), text(3, 'a')])
    const second = Buffer.concat([text(1, ':PATH'), text(3, 'b')])
    expect(pathOf(first, second)).toBe('b')
    // A header map in two parts is one map.
    const [event] = decode(nested(2, nested(1, nested(1, first)), nested(1, nested(1, second))))
    expect(event).toMatchObject({ headers: expect.arrayContaining(['b']) })
  })
})

describe('a message that no serialiser writes', () => {
  const body = nested(4, nested(1, Buffer.from('abc')))
  test.each([
    ['without an event', field(10, wireType.varint, varint(1)), 'a ProcessingRequest without an event'],
    ['of no bytes', Buffer.alloc(0), 'a ProcessingRequest without an event'],
    ['with two events', Buffer.concat([body, nested(6)]), 'two events in one ProcessingRequest'],
    ['with one event twice', Buffer.concat([body, body]), 'two events in one ProcessingRequest'],
    ['with two bodies', nested(4, text(1, 'a'), text(1, 'b')), 'two bodies in one HttpBody'],
    ['with a group', Buffer.concat([body, Buffer.from([0x63, 0x64])]), 'wire type 3'],
    ['with field number 0', Buffer.concat([body, Buffer.from([0x00, 0x00])]), 'field number 0'],
    ['that ends in a field', body.subarray(0, -1), 'runs over the end'],
    [
      'with a field that is longer than the one around it',
      Buffer.from([0x22, 3, 0x0a, 5, 97, 98, 99, 100]),
      'runs over',
    ],
    [
      'with a header that is longer than its map',
      nested(2, nested(1, Buffer.from([0x0a, 9])), Buffer.alloc(20)),
      'runs over',
    ],
    ['with a key that is longer than its header', requestHeaders(Buffer.from([0x0a, 9])), 'runs over'],
  ])('%s is malformed', (_, message, problem) => {
    expect(() => decode(message)).toThrow(MalformedMessage)
    expect(() => decode(message)).toThrow(problem)
  })

  test('with a known field of another wire type is read without it', () => {
    expect(decode(Buffer.concat([body, field(11, wireType.varint, varint(4))]))).toEqual(decode(body))
    expect(decode(Buffer.concat([field(2, wireType.fixed32, Buffer.alloc(4)), body]))).toEqual(decode(body))
  })
})

test.each([
  ['NONE', bodyMode.none],
  ['STREAMED', bodyMode.streamed],
  ['BUFFERED', bodyMode.buffered],
  ['BUFFERED_PARTIAL', bodyMode.bufferedPartial],
  ['FULL_DUPLEX_STREAMED', bodyMode.fullDuplex],
])('body mode %s has the number of the proto', (name, mode) => {
  const config = { request_body_mode: name, response_body_mode: name }
  const [event] = decode(serializeRequest({ request_trailers: {}, protocol_config: config }))
  expect(event).toEqual({ told: 'protocolConfig', modes: [mode, mode, false] })
})

test('the body of a whole message is a view of it', () => {
  const message = nested(4, nested(1, Buffer.from('abc')), field(2, wireType.varint, varint(1)))
  const recorder = new EventRecorder()
  const pieces: Buffer[] = []
  recorder.requestBody = (piece) => pieces.push(piece)
  decodeRequest(message, 0, message.length, headerTable, recorder)
  expect(pieces).toHaveLength(1)
  message.fill('x')
  expect(pieces[0].toString()).toBe('xxx')
})

test('every request is told as proto-loader reads it', { timeout: fuzzTimeoutMs }, () => {
  fc.assert(
    fc.property(processingRequest, fc.nat(), (request, seed) => {
      const message = rewriteMessage(serializeRequest(request), processingRequestShape, seededRandom(seed))
      expect(decode(message)).toEqual(expectedEvents(deserializeRequest(message)))
    }),
    { numRuns: fuzzRuns },
  )
})

test('damaged messages are told or malformed, and no byte beyond their end counts', { timeout: fuzzTimeoutMs }, () => {
  const outcome = (buffer: Buffer, start: number, end: number) => {
    const recorder = new EventRecorder()
    const pieces: Buffer[] = []
    recorder.requestBody = (piece) => pieces.push(piece)
    try {
      decodeRequest(buffer, start, end, headerTable, recorder)
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedMessage)
      return { problem: String(error), events: recorder.events }
    }
    for (const piece of pieces) {
      const offset = piece.byteOffset - buffer.byteOffset
      expect(offset).toBeGreaterThanOrEqual(start)
      expect(offset + piece.length).toBeLessThanOrEqual(end)
    }
    return { events: recorder.events, pieces: pieces.map((piece) => piece.toString('base64')) }
  }
  fc.assert(
    fc.property(processingRequest, fc.nat(), (request, seed) => {
      const random = seededRandom(seed)
      const message = random.chance(0.1)
        ? randomBytes(random.below(40), random, anyByte)
        : mutate(rewriteMessage(serializeRequest(request), processingRequestShape, random), random, anyByte)
      const among = (around: number) => {
        const padding = Buffer.alloc(20, around)
        return outcome(Buffer.concat([padding, message, padding]), 20, 20 + message.length)
      }
      const alone = outcome(message, 0, message.length)
      for (const around of [0x00, 0x01, 0x0a, 0x80, 0xff]) expect(among(around)).toEqual(alone)
    }),
    { numRuns: fuzzRuns },
  )
})

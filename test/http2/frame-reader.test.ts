import { describe, expect, test } from 'vitest'
import { flag, frameType, setting } from '../../src/http2/frame.ts'
import { FrameReader } from '../../src/http2/frame-reader.ts'
import { maxFrameBytes } from '../../src/http2/limits.ts'
import { byteByByte, cutAt, randomPieces } from '../fuzz/pieces.ts'
import { seededRandom } from '../fuzz/random.ts'
import { data, ends, frame, opens, ping, preface, rstStream, settings, windowUpdate } from './wire.ts'

/** What a reader told of these pieces; pieces of one DATA frame together, since where they are cut depends on the pieces. */
function eventsOf(pieces: readonly Buffer[]): string[] {
  const events: string[] = []
  let body: Buffer[] = []
  const reader = new FrameReader({
    preface: () => void events.push('preface'),
    dataBegins(streamId, length) {
      events.push(`data of ${streamId}, ${length} bytes`)
      body = []
    },
    data(chunk, start, end) {
      expect(end).toBeGreaterThan(start)
      body.push(chunk.subarray(start, end))
    },
    dataEnds: (isEnd) => void events.push(`${Buffer.concat(body).toString('latin1')}${isEnd ? ' end' : ''}`),
    frame(type, flags, streamId, buffer, start, end) {
      events.push(`${type} ${flags} of ${streamId}: ${buffer.toString('latin1', start, end)}`)
    },
  })
  for (const piece of pieces) reader.push(piece)
  return events
}

const conversation = Buffer.concat([
  preface,
  settings(setting.initialWindowSize, 100_000),
  windowUpdate(0, 1),
  opens(1),
  data(1, ''),
  data(1, 'some bytes'),
  frame(frameType.data, flag.padded, 1, '\x03padded\0\0\0'),
  frame(frameType.data, flag.padded, 1, '\x02\0\0'),
  frame(frameType.data, flag.padded | flag.endStream, 1, '\x00no padding'),
  ping(),
  settings(),
  frame(0xbe, 0xff, 0x7fff_ffff, 'what nobody knows'),
  rstStream(3, 8),
  ends(5),
])
const expected = eventsOf([conversation])

describe('a conversation', () => {
  test('is told in the order of the wire', () => {
    expect(expected[0]).toBe('preface')
    expect(expected.slice(4, 13)).toEqual([
      'data of 1, 0 bytes',
      '',
      'data of 1, 10 bytes',
      'some bytes',
      'data of 1, 10 bytes',
      'padded',
      'data of 1, 3 bytes',
      '',
      'data of 1, 11 bytes',
    ])
    expect(expected.slice(13)).toEqual([
      'no padding end',
      '6 0 of 0: abcdefgh',
      '4 0 of 0: ',
      `${0xbe} 255 of ${0x7fff_ffff}: what nobody knows`,
      '3 0 of 3: \0\0\0\x08',
      'data of 5, 0 bytes',
      ' end',
    ])
  })

  test('is the same however its bytes arrive: cut in two at every place', () => {
    for (let at = 0; at <= conversation.length; at++)
      expect(eventsOf(cutAt(conversation, [at])), `cut at ${at}`).toEqual(expected)
  })

  test('byte by byte, and in random pieces', () => {
    expect(eventsOf(byteByByte(conversation))).toEqual(expected)
    const random = seededRandom(7)
    for (let round = 0; round < 200; round++) expect(eventsOf(randomPieces(conversation, random))).toEqual(expected)
  })

  test('the first bit of a stream number means nothing', () => {
    expect(eventsOf([preface, frame(frameType.ping, 0, 0x8000_0005, 'x')])).toEqual(['preface', '6 0 of 5: x'])
  })
})

describe('data', () => {
  test('is told as it comes, where it lies', () => {
    const told: [Buffer, number, number][] = []
    const reader = new FrameReader({
      preface() {},
      dataBegins() {},
      data: (chunk, start, end) => void told.push([chunk, start, end]),
      dataEnds() {},
      frame() {},
    })
    reader.push(preface)
    const bytes = data(1, 'abcdef')
    const [first, second] = [bytes.subarray(0, 11), bytes.subarray(11)]
    reader.push(first)
    expect(told).toEqual([[first, 9, 11]])
    reader.push(second)
    expect(told[1]).toEqual([second, 0, 4])
    expect(told[1][0]).toBe(second)
  })

  test('that was padded may be kept: later frames leave it alone', () => {
    const kept: Buffer[] = []
    const reader = new FrameReader({
      preface() {},
      dataBegins() {},
      data: (chunk, start, end) => void kept.push(chunk.subarray(start, end)),
      dataEnds() {},
      frame() {},
    })
    reader.push(preface)
    const padded = frame(frameType.data, flag.padded, 1, '\x01keep me\0')
    for (const piece of [...byteByByte(padded), ...byteByByte(ping('overwrit'))]) reader.push(piece)
    expect(Buffer.concat(kept).toString()).toBe('keep me')
  })
})

describe('what is no frame', () => {
  const read =
    (...bytes: Buffer[]) =>
    () =>
      eventsOf([Buffer.concat(bytes)])

  test('the largest frame is read, one byte more is FRAME_SIZE_ERROR before it has come', () => {
    const largest = frame(0x20, 0, 0, Buffer.alloc(maxFrameBytes, 'x'))
    expect(eventsOf([preface, largest])[1]).toHaveLength('32 0 of 0: '.length + maxFrameBytes)
    for (const type of [frameType.data, frameType.headers, 0x20]) {
      const tooLarge = frame(type, 0, 1, Buffer.alloc(maxFrameBytes + 1)).subarray(0, 9)
      expect(read(preface, tooLarge)).toThrow(
        expect.objectContaining({ code: 0x6, message: 'a frame of 16385 bytes, more than 16384' }),
      )
    }
  })

  test.each(Array.from(preface.keys()))('a preface that is wrong at byte %i', (at) => {
    const wrong = Buffer.from(preface)
    wrong[at] ^= 0x20
    const error = expect.objectContaining({ code: 0x1, message: 'the client does not speak HTTP/2' })
    expect(read(wrong)).toThrow(error)
    // Known as soon as that byte is there.
    expect(() => eventsOf(byteByByte(wrong).slice(0, at + 1))).toThrow(error)
    expect(eventsOf(byteByByte(wrong).slice(0, at))).toEqual([])
  })

  test.each([
    ['as long as its frame', '\x05\0\0\0\0'],
    ['longer than its frame', '\xffx'],
    ['that is not there', ''],
  ])('padding %s', (_name, payload) => {
    const padded = frame(frameType.data, flag.padded, 1, Buffer.from(payload, 'latin1'))
    expect(read(preface, padded)).toThrow(
      expect.objectContaining({ code: 0x1, message: expect.stringContaining('padding') }),
    )
  })
})

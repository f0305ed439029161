import { describe, expect, test } from 'vitest'
import { atEverySplit, byteByByte, wholly } from '../fuzz/pieces.ts'
import { readPieces } from './reading.ts'

const options = { contentType: 'application/grpc', contentEncoding: undefined }

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]
const number = (field: number, value: number): number[] => [...varint(field * 8), ...varint(value)]
const bytes = (field: number, content: readonly number[]): number[] => [
  ...varint(field * 8 + 2),
  ...varint(content.length),
  ...content,
]
const frame = (message: readonly number[], compressed = 0): number[] => [
  compressed,
  0,
  ...[16, 8, 0].map((shift) => (message.length >>> shift) & 255),
  ...message,
]
const chunk = (...fields: number[][]): number[] => frame(bytes(1, fields.flat()))
const complete = (...fields: number[][]): number[] => frame(bytes(2, fields.flat()))

const usage = (
  promptTokens: number | undefined,
  completionTokens: number | undefined,
  cachedTokens: number | undefined,
  totalTokens: number | undefined,
) => ({ promptTokens, completionTokens, cachedTokens, totalTokens })

const tokens = bytes(1, [1, 2, ...varint(150_000)])
const stop = bytes(2, [...Buffer.from('stop')])
const fixed32 = [9 * 8 + 5, 1, 2, 3, 4]
const fixed64 = [10 * 8 + 1, 1, 2, 3, 4, 5, 6, 7, 8]

const cases = [
  { name: 'nothing', body: [], events: 0, finished: false },
  {
    name: 'a chunk and the complete of the reference',
    body: [...Buffer.from('AAAAAAcKBQoDAQIDAAAAAAYSBBgHIAo=', 'base64')],
    usage: usage(7, 10, undefined, 17),
    events: 1,
    finished: true,
  },
  {
    name: 'a complete alone, with fields of no interest',
    body: complete(tokens, stop, number(3, 300), number(4, 3), number(5, 256), fixed32, fixed64, number(200, 70_000)),
    usage: usage(300, 3, 256, 303),
    events: 1,
    finished: true,
  },
  {
    name: 'chunks with growing numbers, without the complete',
    body: [
      ...chunk(tokens, number(2, 5), number(3, 1)),
      ...chunk(number(2, 5), number(3, 1)),
      ...chunk(number(1, 17), number(2, 5), number(3, 2), number(4, 4)),
    ],
    usage: usage(5, 2, 4, 7),
    events: 2,
    finished: false,
  },
  {
    name: 'an embedding, whose floats look like a broken chunk',
    body: frame([...bytes(1, [0xff, 0xff, 0x7f, 0x3f, 0x18, 0x09, 0x80]), ...number(2, 12), ...number(3, 1024)]),
    usage: usage(12, undefined, undefined, undefined),
    events: 1,
    finished: true,
  },
  {
    name: 'an embedding, whose floats look like a chunk',
    body: frame([...bytes(1, [...number(2, 99), ...number(3, 98)]), ...number(2, 12)]),
    usage: usage(12, undefined, undefined, undefined),
    events: 1,
    finished: true,
  },
  {
    name: 'a compressed message between others',
    body: [...frame([9, 9, 9, 9], 1), ...frame([], 1), ...frame([]), ...complete(number(3, 4), number(4, 2))],
    usage: usage(4, 2, undefined, 6),
    events: 0,
    finished: true,
  },
  { name: 'text', body: [...Buffer.from('no healthy upstream')], events: 0, finished: false },
  { name: 'a field over the end of its message', body: frame([10, 5, 1]), events: 0, finished: false },
  { name: 'a message that ends in a number', body: frame([8, 0x80]), events: 0, finished: false },
  { name: 'a message that ends after a tag', body: frame([8]), events: 0, finished: false },
  { name: 'a group', body: frame([0x0b, 0x0c]), events: 0, finished: false },
  { name: 'a varint without end', body: frame(new Array(12).fill(0x80)), events: 0, finished: false },
  { name: 'a message cut short', body: complete(number(3, 4), number(4, 2)).slice(0, -1), events: 0, finished: false },
]

describe.each(cases)('$name', ({ body, events, finished, usage }) => {
  const given = Buffer.from(body)

  test('is read in any pieces, each sent as it came', () => {
    for (const pieces of [wholly(given), ...atEverySplit(given), byteByByte(given)]) {
      const lengths = [...pieces.map((piece) => piece.length), 0]
      const { body: out, found, sent } = readPieces(pieces, options)
      expect(out).toBe(given.toString('latin1'))
      expect(sent.map((buffer) => buffer.length)).toEqual(lengths)
      expect(found).toMatchObject({ usage, events, finished, isStream: true, model: undefined })
    }
  })
})

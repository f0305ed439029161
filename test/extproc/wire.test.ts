import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Cursor, MalformedMessage, tagOf, wireType } from '../../src/extproc/wire.ts'
import { field, nested, varint } from '../fuzz/protobuf.ts'

const over = (...parts: Buffer[]) => {
  const buffer = Buffer.concat(parts)
  return new Cursor(buffer, 0, buffer.length)
}
const bytes = (...values: number[]) => Buffer.from(values)

describe('varints', () => {
  test('of every width', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 1, max: 10 }), (value, width) => {
        const cursor = over(varint(value, width), bytes(0x7f))
        expect(cursor.varint()).toBe(value)
        expect(cursor.varint()).toBe(0x7f)
        expect(cursor.at).toBe(cursor.end)
      }),
    )
  })

  test.each([0, 127, 128, 16_383, 16_384, 2 ** 21, 2 ** 28 - 1, 2 ** 28, 2 ** 31, 2 ** 32 - 1])('%d', (value) => {
    expect(over(varint(value)).varint()).toBe(value)
  })

  test('of more than 32 bits lose the higher ones', () => {
    expect(over(varint(2 ** 40 + 5)).varint()).toBe(5)
    expect(over(bytes(...new Array(9).fill(0xff), 0x01)).varint()).toBe(2 ** 32 - 1)
  })

  test('of more than 10 bytes are malformed', () => {
    expect(() => over(bytes(...new Array(10).fill(0x80), 0x01)).varint()).toThrow(MalformedMessage)
  })

  test('end with their message, whatever follows it', () => {
    const buffer = bytes(0x80, 0x80, 0x01)
    expect(() => new Cursor(buffer, 0, 2).varint()).toThrow('message ends in the middle of a number')
    expect(() => new Cursor(buffer, 2, 2).varint()).toThrow(MalformedMessage)
  })
})

test('a tag holds a field number and a wire type', () => {
  expect(over(bytes(0x2a)).tag()).toBe(tagOf(5, wireType.bytes))
  expect(() => over(bytes(0x05)).tag()).toThrow('field number 0')
})

describe('length-delimited fields', () => {
  test('end within their message', () => {
    const cursor = over(bytes(3), Buffer.from('abc'))
    expect(cursor.lengthDelimited()).toBe(4)
    expect(cursor.at).toBe(1)
    expect(() => new Cursor(cursor.buffer, 0, 3).lengthDelimited()).toThrow('3 bytes runs over the end of its message')
  })

  test('may have their length in 5 bytes and no more', () => {
    expect(over(varint(1, 5), bytes(0)).lengthDelimited()).toBe(6)
    expect(() => over(varint(1, 6), bytes(0)).lengthDelimited()).toThrow(MalformedMessage)
    // The 33rd bit is the length's, not to be dropped.
    expect(() => over(bytes(0x81, 0x80, 0x80, 0x80, 0x10), bytes(0)).lengthDelimited()).toThrow('4 GiB')
  })
})

describe('fields of no interest', () => {
  test.each([
    ['varint', field(9, wireType.varint, varint(300))],
    ['fixed64', field(9, wireType.fixed64, Buffer.alloc(8, 0xff))],
    ['bytes', nested(9, Buffer.alloc(200, 0xff))],
    ['empty bytes', nested(9)],
    ['fixed32', field(9, wireType.fixed32, Buffer.alloc(4, 0xff))],
  ])('%s is passed over, to its last byte', (_, unknown) => {
    const cursor = over(unknown, bytes(0x08))
    cursor.skip(cursor.tag())
    expect(cursor.at).toBe(unknown.length)
    const short = new Cursor(cursor.buffer, 0, unknown.length - 1)
    expect(() => short.skip(short.tag())).toThrow(MalformedMessage)
  })

  test.each([3, 4, 6, 7])('wire type %d is malformed', (type) => {
    const cursor = over(varint(8 * 9 + type), Buffer.alloc(16))
    expect(() => cursor.skip(cursor.tag())).toThrow(`wire type ${type}`)
  })
})

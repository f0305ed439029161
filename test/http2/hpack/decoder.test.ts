import { describe, expect, test } from 'vitest'
import { HpackDecoder } from '../../../src/http2/hpack/decoder.ts'
import { encodeHeaders } from '../../../src/http2/hpack/encode.ts'
import { maxHeaderListBytes } from '../../../src/http2/limits.ts'
import { indexed, integer, literal, newest, stringOf, tableSize } from './primitives.ts'
import { examples } from './rfc-examples.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

function decodeWith(decoder: HpackDecoder, block: Buffer): string[] {
  const list: string[] = []
  expect(decoder.decode(block, 0, block.length, list)).toBe(true)
  return list
}

const decode = (block: Buffer): string[] => decodeWith(new HpackDecoder(), block)

describe('the examples of RFC 7541, appendix C', () => {
  test.each(examples)('$name', ({ blocks }) => {
    const decoder = new HpackDecoder()
    for (const { bytes, headers } of blocks) expect(decodeWith(decoder, hex(bytes))).toEqual(headers.flat())
  })

  test('a block in the middle of other bytes', () => {
    const block = Buffer.concat([Buffer.alloc(3, 0xff), indexed(2), Buffer.alloc(3, 0xff)])
    const list = ['what was before']
    expect(new HpackDecoder().decode(block, 3, 4, list)).toBe(true)
    expect(list).toEqual([':method', 'GET'])
  })

  test('no headers at all', () => {
    expect(decode(Buffer.alloc(0))).toEqual([])
  })
})

describe('what is no HPACK is COMPRESSION_ERROR', () => {
  const entry = literal('a', 'b')
  const cases: [string, Buffer, string][] = [
    ['index 0', Buffer.of(0x80), 'index 0'],
    ['an index beyond the static table', indexed(newest), 'index 62 of a table of 0 entries'],
    ['an index beyond the dynamic table', Buffer.concat([entry, indexed(newest + 1)]), 'index 63'],
    ['a name beyond the tables', Buffer.concat([integer(newest, 4, 0), stringOf('x')]), 'index 62'],
    ['an index of billions', hex('ffffffffff0f'), 'index '],
    ['an integer without end', Buffer.concat([Buffer.of(0xff), Buffer.alloc(20, 0xff)]), 'an integer without end'],
    ['an integer of zeros without end', Buffer.concat([Buffer.of(0xff), Buffer.alloc(20, 0x80)]), 'without end'],
    ['an integer that is cut off', hex('ff80'), 'in the middle of a header'],
    ['a literal without a name', hex('40'), 'in the middle of a header'],
    ['a literal without a value', hex('400161'), 'in the middle of a header'],
    ['a value without its length', hex('0f'), 'in the middle of a header'],
    ['a name that is cut off', hex('40056162'), 'longer than its block'],
    ['a value that is cut off', hex('400161056162'), 'longer than its block'],
    ['a string of billions', hex('4001617fffffffff07'), 'longer than its block'],
    ['the end of string within a string', hex('40016184ffffffff'), 'no Huffman code'],
    ['padding of more than seven bits', hex('400161821fff'), 'no Huffman code'],
    ['padding of zeros', hex('4001618118'), 'no Huffman code'],
    ['a table larger than announced', tableSize(4097), 'a table of 4097 bytes'],
    [
      'a new table size in the middle of a block',
      Buffer.concat([indexed(2), tableSize(0)]),
      'in the middle of a block',
    ],
  ]
  test.each(cases)('%s', (_name, block, message) => {
    expect(() => decode(block)).toThrow(
      expect.objectContaining({ code: 0x9, message: expect.stringContaining(message) }),
    )
  })

  test('a block that ends anywhere but between headers', () => {
    const whole = Buffer.concat([literal('name', 'value'), literal('other', 'x'.repeat(200), false)])
    const borders = new Set([0, literal('name', 'value').length, whole.length])
    for (let end = 0; end <= whole.length; end++) {
      const attempt = () => new HpackDecoder().decode(whole, 0, end, [])
      if (borders.has(end)) expect(attempt).not.toThrow()
      else expect(attempt, `cut at ${end}`).toThrow('HPACK')
    }
  })
})

describe('the dynamic table', () => {
  /** Names of the entries, newest first. */
  function entriesOf(decoder: HpackDecoder): string[] {
    const names: string[] = []
    try {
      for (let index = newest; ; index++) names.push(decodeWith(decoder, indexed(index))[0])
    } catch {
      return names
    }
  }

  test('never-indexed and not indexed literals stay outside', () => {
    const decoder = new HpackDecoder()
    const never = Buffer.concat([Buffer.of(0x10), stringOf('secret'), stringOf('x')])
    decodeWith(decoder, Buffer.concat([never, literal('plain', 'x', false), literal('kept', 'x')]))
    expect(entriesOf(decoder)).toEqual(['kept'])
  })

  test('the oldest entries go when it is full', () => {
    const decoder = new HpackDecoder()
    // 32 bytes of overhead each: four of them are the whole table.
    for (const name of ['a', 'b', 'c', 'd']) decodeWith(decoder, literal(name, 'v'.repeat(1024 - 33)))
    expect(entriesOf(decoder)).toEqual(['d', 'c', 'b', 'a'])
    decodeWith(decoder, literal('e', ''))
    expect(entriesOf(decoder)).toEqual(['e', 'd', 'c', 'b'])
  })

  test('as many of the smallest entries as fit, over and over', () => {
    const decoder = new HpackDecoder()
    const names = Array.from({ length: 1000 }, (_, i) => String.fromCharCode(0x61 + (i % 26)))
    for (const name of names) decodeWith(decoder, literal(name, ''))
    const fit = Math.floor(4096 / 33)
    expect(entriesOf(decoder)).toEqual(names.slice(-fit).reverse())
  })

  test('an entry larger than the table is told, and empties it', () => {
    const decoder = new HpackDecoder()
    decodeWith(decoder, literal('a', 'b'))
    const value = 'v'.repeat(5000)
    expect(decodeWith(decoder, literal('huge', value))).toEqual(['huge', value])
    expect(entriesOf(decoder)).toEqual([])
    decodeWith(decoder, literal('next', 'x'))
    expect(entriesOf(decoder)).toEqual(['next'])
  })

  test('an entry may take its name from the one that goes for it', () => {
    const decoder = new HpackDecoder()
    decodeWith(decoder, literal('name', 'v'.repeat(4096 - 36)))
    const next = Buffer.concat([integer(newest, 6, 0x40), stringOf('w'.repeat(100))])
    expect(decodeWith(decoder, next)).toEqual(['name', 'w'.repeat(100)])
    expect(decodeWith(decoder, indexed(newest))).toEqual(['name', 'w'.repeat(100)])
  })

  test('it shrinks at once and grows again, up to what was announced', () => {
    const decoder = new HpackDecoder()
    for (const name of ['a', 'b', 'c']) decodeWith(decoder, literal(name, 'x'))
    expect(decodeWith(decoder, tableSize(34))).toEqual([])
    expect(entriesOf(decoder)).toEqual(['c'])
    decodeWith(decoder, Buffer.concat([tableSize(0), tableSize(4096), literal('d', 'x')]))
    expect(entriesOf(decoder)).toEqual(['d'])
  })

  test('of no bytes it keeps nothing', () => {
    const decoder = new HpackDecoder()
    expect(decodeWith(decoder, Buffer.concat([tableSize(0), literal('a', 'x')]))).toEqual(['a', 'x'])
    expect(entriesOf(decoder)).toEqual([])
  })
})

describe('too many headers', () => {
  /** One entry of 4,000 bytes, referred to as often as it takes. */
  const large = literal('bomb', 'x'.repeat(3000))
  const timesToFill = Math.ceil(maxHeaderListBytes / 3036)

  test('are told as such, and not kept', () => {
    const decoder = new HpackDecoder()
    const list: string[] = []
    const bomb = Buffer.concat([large, Buffer.alloc(16_000, indexed(newest))])
    expect(decoder.decode(bomb, 0, bomb.length, list)).toBe(false)
    const characters = list.reduce((sum, text) => sum + text.length, 0)
    expect(characters).toBeGreaterThan(maxHeaderListBytes / 2)
    expect(characters).toBeLessThanOrEqual(maxHeaderListBytes)
  })

  test('change the table all the same: the next block is read right', () => {
    const decoder = new HpackDecoder()
    const block = Buffer.concat([large, Buffer.alloc(timesToFill, indexed(newest)), literal('after', 'the limit')])
    expect(decoder.decode(block, 0, block.length, [])).toBe(false)
    expect(decodeWith(decoder, indexed(newest))).toEqual(['after', 'the limit'])
    expect(decodeWith(decoder, indexed(newest + 1))[0]).toBe('bomb')
  })

  test('the limit counts 32 bytes for each, so that empty ones are limited too', () => {
    const fits = Buffer.alloc(Math.floor(maxHeaderListBytes / (32 + ':authority'.length)), indexed(1))
    expect(new HpackDecoder().decode(fits, 0, fits.length, [])).toBe(true)
    const tooMany = Buffer.concat([fits, indexed(1)])
    expect(new HpackDecoder().decode(tooMany, 0, tooMany.length, [])).toBe(false)
  })
})

test('values are bytes: each becomes the character of its number', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  const block = Buffer.concat([Buffer.of(0), stringOf('x'), integer(256, 7, 0), bytes])
  expect(decode(block)).toEqual(['x', bytes.toString('latin1')])
})

test('what is encoded here is decoded here, in any order and length', () => {
  const headers = {
    ':status': '200',
    ':method': 'POST',
    'content-type': 'application/grpc',
    'grpc-status': '0',
    'x-own': 'v'.repeat(126),
    'x-longer': 'v'.repeat(127),
    'x-longest': 'v'.repeat(10_000),
    empty: '',
  }
  expect(decode(encodeHeaders(headers))).toEqual(Object.entries(headers).flat())
})

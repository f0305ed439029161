import { describe, expect, test } from 'vitest'
import { flag } from '../../src/http2/frame.ts'
import { HeaderBlocks } from '../../src/http2/header-blocks.ts'
import { maxContinuations, maxHeaderBlockBytes } from '../../src/http2/limits.ts'
import { block } from './wire.ts'

const headers = block({ ':method': 'POST', name: 'value', other: 'x'.repeat(100) })
const decoded = [':method', 'POST', 'name', 'value', 'other', 'x'.repeat(100)]

/** A HEADERS frame at a place of its own in a buffer, as it arrives. */
function begin(blocks: HeaderBlocks, flags: number, payload: Buffer, streamId = 1): boolean {
  const buffer = Buffer.concat([Buffer.alloc(9, 0xff), payload, Buffer.alloc(9, 0xff)])
  return blocks.begin(streamId, flags, buffer, 9, 9 + payload.length)
}

describe('a whole block', () => {
  test('is told with its stream and whether more follows', () => {
    const blocks = new HeaderBlocks()
    expect(begin(blocks, flag.endHeaders, headers, 7)).toBe(true)
    expect(blocks).toMatchObject({
      streamId: 7,
      isEndOfStream: false,
      isOverlong: false,
      isOpen: false,
      headers: decoded,
    })
    expect(begin(blocks, flag.endHeaders | flag.endStream, block({ a: 'b' }), 9)).toBe(true)
    expect(blocks).toMatchObject({ streamId: 9, isEndOfStream: true, headers: ['a', 'b'] })
  })

  const priority = Buffer.from([0x80, 0, 0, 3, 255])
  test.each<[string, number, Buffer]>([
    ['padding', flag.padded, Buffer.concat([Buffer.of(4), headers, Buffer.alloc(4)])],
    ['padding of no bytes', flag.padded, Buffer.concat([Buffer.of(0), headers])],
    ['a priority', flag.priority, Buffer.concat([priority, headers])],
    ['both', flag.padded | flag.priority, Buffer.concat([Buffer.of(2), priority, headers, Buffer.alloc(2)])],
  ])('with %s', (_name, flags, payload) => {
    const blocks = new HeaderBlocks()
    expect(begin(blocks, flags | flag.endHeaders, payload)).toBe(true)
    expect(blocks.headers).toEqual(decoded)
  })

  test.each<[string, number, Buffer]>([
    ['no length of its padding', flag.padded, Buffer.alloc(0)],
    ['padding as long as it is', flag.padded, Buffer.of(1)],
    ['padding longer than it is', flag.padded, Buffer.concat([Buffer.of(255), headers])],
    ['a part of a priority', flag.priority, priority.subarray(0, 4)],
    [
      'padding that leaves no room for the priority',
      flag.padded | flag.priority,
      Buffer.concat([Buffer.of(1), priority]),
    ],
  ])('with %s is PROTOCOL_ERROR', (_name, flags, payload) => {
    const error = expect.objectContaining({ code: 0x1, message: 'HEADERS shorter than their padding or priority' })
    expect(() => begin(new HeaderBlocks(), flags | flag.endHeaders, payload)).toThrow(error)
    // An empty payload has no place of its own.
    expect(() => new HeaderBlocks().begin(1, flags | flag.endHeaders, payload, 0, payload.length)).toThrow(error)
  })
})

describe('a block in parts', () => {
  test('cut anywhere, with an empty part in between', () => {
    for (let at = 0; at <= headers.length; at++) {
      const blocks = new HeaderBlocks()
      expect(begin(blocks, flag.endStream, headers.subarray(0, at))).toBe(false)
      expect(blocks.isOpen).toBe(true)
      expect(blocks.continue(0, headers, 0, 0)).toBe(false)
      expect(blocks.continue(flag.endHeaders, headers, at, headers.length)).toBe(true)
      expect(blocks).toMatchObject({ streamId: 1, isEndOfStream: true, isOpen: false, headers: decoded })
    }
  })

  test('is kept though the memory that it came in is used again', () => {
    const blocks = new HeaderBlocks()
    const memory = Buffer.from(headers)
    expect(blocks.begin(1, 0, memory, 0, 50)).toBe(false)
    memory.fill(0, 0, 50)
    expect(blocks.continue(flag.endHeaders, memory, 50, memory.length)).toBe(true)
    expect(blocks.headers).toEqual(decoded)
  })

  test('leaves nothing for the next one', () => {
    const blocks = new HeaderBlocks()
    for (const value of ['one', 'two']) {
      const parts = block({ value })
      expect(blocks.begin(1, 0, parts, 0, 3)).toBe(false)
      expect(blocks.continue(flag.endHeaders, parts, 3, parts.length)).toBe(true)
      expect(blocks.headers).toEqual(['value', value])
    }
  })

  test('ends the stream by the flag of HEADERS alone', () => {
    const blocks = new HeaderBlocks()
    begin(blocks, 0, headers)
    blocks.continue(flag.endHeaders | flag.endStream, headers, 0, 0)
    expect(blocks.isEndOfStream).toBe(false)
  })
})

describe('headers without end are ENHANCE_YOUR_CALM', () => {
  const endless = expect.objectContaining({ code: 0xb, message: 'headers without end' })

  test('empty CONTINUATION frames', () => {
    const blocks = new HeaderBlocks()
    begin(blocks, 0, Buffer.alloc(0))
    for (let i = 0; i < maxContinuations; i++) expect(blocks.continue(0, headers, 0, 0)).toBe(false)
    expect(() => blocks.continue(0, headers, 0, 0)).toThrow(endless)
  })

  test('too many bytes', () => {
    const blocks = new HeaderBlocks()
    const part = Buffer.alloc(maxHeaderBlockBytes / 4, 0x82)
    begin(blocks, 0, part)
    for (let i = 0; i < 3; i++) expect(blocks.continue(0, part, 0, part.length)).toBe(false)
    expect(() => blocks.continue(flag.endHeaders, part, 0, 1)).toThrow(endless)
  })

  test('as many bytes as may be are read, though their headers are too many', () => {
    const blocks = new HeaderBlocks()
    const part = Buffer.alloc(maxHeaderBlockBytes / 4, 0x82)
    begin(blocks, 0, part)
    blocks.continue(0, part, 0, part.length)
    blocks.continue(0, part, 0, part.length)
    expect(blocks.continue(flag.endHeaders, part, 0, part.length)).toBe(true)
    expect(blocks.isOverlong).toBe(true)
    expect(begin(blocks, flag.endHeaders, headers)).toBe(true)
    expect(blocks).toMatchObject({ isOverlong: false, headers: decoded })
  })
})

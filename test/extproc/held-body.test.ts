import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { HeldBody } from '../../src/extproc/held-body.ts'
import { HeldMemory } from '../../src/extproc/held-memory.ts'

let memory: HeldMemory
beforeEach(() => {
  memory = new HeldMemory(Number.POSITIVE_INFINITY)
})

/** A piece as it arrives: a view of `bytes` into a receive buffer of `outOf`. */
const view = (bytes: number, outOf: number, fill = 'x'): Buffer => Buffer.alloc(outOf, fill).subarray(3, 3 + bytes)

/** Memory that the pieces keep alive. */
const aliveBytes = (pieces: readonly Buffer[]): number =>
  [...new Set(pieces.map((piece) => piece.buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0)

const text = (pieces: readonly Buffer[]): string => Buffer.concat(pieces).toString()

describe('bytes that wait', () => {
  test('come back in order', () => {
    const held = new HeldBody(memory)
    held.add(Buffer.from('{"a":'))
    held.add(Buffer.from('1}'))
    expect([held.start, held.end]).toEqual([0, 7])
    expect(text(held.take(7))).toBe('{"a":1}')
    expect([held.start, held.end]).toEqual([7, 7])
  })

  test('can be taken in part, across pieces and in the middle of one', () => {
    const held = new HeldBody(memory)
    for (const piece of ['abc', 'def', 'ghi']) held.add(Buffer.from(piece))
    expect(text(held.take(2))).toBe('ab')
    expect(text(held.take(2))).toBe('')
    expect(text(held.take(7))).toBe('cdefg')
    held.add(Buffer.from('jkl'))
    expect(text(held.take(12))).toBe('hijkl')
  })

  test('released ones are gone, later ones stay', () => {
    const held = new HeldBody(memory)
    held.add(Buffer.from('abcdef'))
    held.release(4)
    expect(held.start).toBe(4)
    expect(text(held.take(6))).toBe('ef')
    held.add(Buffer.from('gh'))
    held.release(8)
    expect([held.start, held.end]).toEqual([8, 8])
    held.add(Buffer.from('ij'))
    expect(text(held.take(10))).toBe('ij')
  })

  test('those that went on without waiting count for the offsets', () => {
    const held = new HeldBody(memory)
    held.skip(100)
    held.add(Buffer.from('abc'))
    expect([held.start, held.end]).toEqual([100, 103])
    expect(text(held.take(102))).toBe('ab')
  })
})

describe('memory', () => {
  test('large pieces are kept as they are', () => {
    const held = new HeldBody(memory)
    const piece = view(16_384, 65_536)
    held.add(piece)
    expect(held.take(held.end)[0].buffer).toBe(piece.buffer)
  })

  test('small views are copied: a thousand of ten bytes keep no more than pages alive', () => {
    const held = new HeldBody(memory)
    for (let i = 0; i < 1000; i++) held.add(view(10, 65_536, String(i % 10)))
    const pieces = held.take(held.end)
    expect(aliveBytes(pieces)).toBeLessThanOrEqual(3 * 10_000)
    const wanted = Array.from({ length: 1000 }, (_, i) => String(i % 10).repeat(10)).join('')
    expect(text(pieces)).toBe(wanted)
  })

  test('pieces that come one by one in buffers of their own size are copied together, too', () => {
    const held = new HeldBody(memory)
    for (let i = 0; i < 1000; i++) held.add(view(40, 60))
    expect(held.take(held.end).length).toBeLessThan(20)
  })

  test('pieces between those of other streams are copied when their buffer is over', () => {
    const held = new HeldBody(memory)
    for (let i = 0; i < 64; i++) held.add(view(16_384, 65_536, String(i % 10)))
    expect(memory.bytes).toBeLessThanOrEqual(64 * 16_384 + 2 * 65_536)
    const pieces = held.take(held.end)
    expect(aliveBytes(pieces)).toBeLessThanOrEqual(64 * 16_384 + 2 * 65_536)
    expect(text(pieces)).toBe(Array.from({ length: 64 }, (_, i) => String(i % 10).repeat(16_384)).join(''))
  })

  test('most of a buffer is kept as it is, however many pieces of other buffers come before and after it', () => {
    const held = new HeldBody(memory)
    const whole = Buffer.alloc(65_536, 'w')
    held.add(view(16_384, 65_536, 'a'))
    held.add(whole.subarray(0, 20_000))
    held.add(whole.subarray(20_000, 40_000))
    held.add(view(16_384, 65_536, 'b'))
    const pieces = held.take(held.end)
    expect(pieces.filter(({ buffer }) => buffer === whole.buffer)).toHaveLength(2)
    expect(text(pieces)).toBe('a'.repeat(16_384) + 'w'.repeat(40_000) + 'b'.repeat(16_384))
  })

  test('the first piece of a body is not copied, however small its buffer is', () => {
    const held = new HeldBody(memory)
    const piece = view(40, 60)
    held.add(piece)
    expect(held.take(40)[0].buffer).toBe(piece.buffer)
  })

  test('a receive buffer counts once, however many pieces of it are held, until the last of them is gone', () => {
    const held = new HeldBody(memory)
    const buffer = Buffer.alloc(65_536)
    for (let at = 0; at < 65_536; at += 16_384) held.add(buffer.subarray(at, at + 16_384))
    expect(memory.bytes).toBe(65_536)
    held.take(60_000)
    expect(memory.bytes).toBe(65_536)
    held.take(65_536)
    expect(memory.bytes).toBe(0)
  })

  test('bodies count together', () => {
    const bodies = [1, 2, 3].map(() => new HeldBody(memory))
    for (const held of bodies) held.add(view(10_000, 20_000))
    expect(memory.bytes).toBe(60_000)
    bodies[0].drop()
    bodies[1].release(10_000)
    expect(memory.bytes).toBe(bodies[2].memoryBytes)
    bodies[2].drop()
    expect(memory.bytes).toBe(0)
  })

  test('what was given away is not written to by later pieces', () => {
    const held = new HeldBody(memory)
    held.add(view(10, 65_536, 'a'))
    const taken = held.take(5)
    const rest = held.take(10)
    held.add(view(10, 65_536, 'b'))
    expect(text(taken) + text(rest)).toBe('aaaaaaaaaa')
    expect(text(held.take(20))).toBe('bbbbbbbbbb')
  })
})

test('any order of adding, taking and releasing: the bytes are those of the body at their offsets, their memory is counted', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('add'), size: fc.integer({ min: 0, max: 9000 }) }) },
    // More of the same receive buffer, as far as it goes.
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('more'), size: fc.integer({ min: 0, max: 20_000 }) }) },
    fc.record({ kind: fc.constantFrom('take', 'release'), size: fc.integer({ min: 0, max: 12_000 }) }),
  )
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const held = new HeldBody(memory)
      let body = Buffer.alloc(0)
      let unread = Buffer.alloc(0)
      for (const [i, { kind, size }] of steps.entries()) {
        if (kind === 'add' || kind === 'more') {
          const fill = String.fromCharCode(65 + (i % 26))
          if (kind === 'more' && unread.length === 0) unread = Buffer.alloc(40_000, fill)
          const piece =
            kind === 'more' ? unread.subarray(0, size) : view(size, size + (size % 3 === 0 ? 3 : 40_000), fill)
          unread = kind === 'more' ? unread.subarray(size) : Buffer.alloc(0)
          body = Buffer.concat([body, piece])
          held.add(piece)
          continue
        }
        expect(memory.bytes).toBeGreaterThanOrEqual(held.end - held.start)
        const from = held.start
        const to = Math.min(held.end, from + size)
        if (kind === 'release') held.release(to)
        else expect(Buffer.concat(held.take(to)).equals(body.subarray(from, to))).toBe(true)
        expect([held.start, held.end]).toEqual([to, body.length])
        expect(memory.bytes).toBe(aliveBytes(held.pieces))
      }
      const from = held.start
      expect(Buffer.concat(held.take(held.end)).equals(body.subarray(from))).toBe(true)
      expect(memory.bytes).toBe(0)
    }),
  )
})

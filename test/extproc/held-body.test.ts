import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeldBody } from '../../src/extproc/held-body.ts'

/** A piece as it arrives: a view of `bytes` into a receive buffer of `outOf`. */
const view = (bytes: number, outOf: number, fill = 'x'): Buffer => Buffer.alloc(outOf, fill).subarray(3, 3 + bytes)

const text = (pieces: readonly Buffer[]): string => Buffer.concat(pieces).toString()

describe('bytes that wait', () => {
  test('come back in order', () => {
    const held = new HeldBody()
    held.add(Buffer.from('{"a":'))
    held.add(Buffer.from('1}'))
    expect([held.start, held.end]).toEqual([0, 7])
    expect(text(held.take(7))).toBe('{"a":1}')
    expect([held.start, held.end]).toEqual([7, 7])
  })

  test('can be taken in part, across pieces and in the middle of one', () => {
    const held = new HeldBody()
    for (const piece of ['abc', 'def', 'ghi']) held.add(Buffer.from(piece))
    expect(text(held.take(2))).toBe('ab')
    expect(text(held.take(2))).toBe('')
    expect(text(held.take(7))).toBe('cdefg')
    held.add(Buffer.from('jkl'))
    expect(text(held.take(12))).toBe('hijkl')
  })

  test('released ones are gone, later ones stay', () => {
    const held = new HeldBody()
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
    const held = new HeldBody()
    held.skip(100)
    held.add(Buffer.from('abc'))
    expect([held.start, held.end]).toEqual([100, 103])
    expect(text(held.take(102))).toBe('ab')
  })
})

describe('memory', () => {
  test('large pieces are kept as they are', () => {
    const held = new HeldBody()
    const piece = view(16_384, 65_536)
    held.add(piece)
    expect(held.take(held.end)[0].buffer).toBe(piece.buffer)
  })

  test('small views are copied: a thousand of ten bytes keep no more than pages alive', () => {
    const held = new HeldBody()
    for (let i = 0; i < 1000; i++) held.add(view(10, 65_536, String(i % 10)))
    const pieces = held.take(held.end)
    const memory = new Set(pieces.map((piece) => piece.buffer))
    expect([...memory].reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThanOrEqual(3 * 10_000)
    const wanted = Array.from({ length: 1000 }, (_, i) => String(i % 10).repeat(10)).join('')
    expect(text(pieces)).toBe(wanted)
  })

  test('what was given away is not written to by later pieces', () => {
    const held = new HeldBody()
    held.add(view(10, 65_536, 'a'))
    const taken = held.take(5)
    const rest = held.take(10)
    held.add(view(10, 65_536, 'b'))
    expect(text(taken) + text(rest)).toBe('aaaaaaaaaa')
    expect(text(held.take(20))).toBe('bbbbbbbbbb')
  })
})

test('any order of adding, taking and releasing: the bytes are those of the body at their offsets', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('add'), size: fc.integer({ min: 0, max: 9000 }) }) },
    fc.record({ kind: fc.constantFrom('take', 'release'), size: fc.integer({ min: 0, max: 12_000 }) }),
  )
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const held = new HeldBody()
      let body = Buffer.alloc(0)
      for (const [i, { kind, size }] of steps.entries()) {
        if (kind === 'add') {
          const piece = view(size, size % 3 === 0 ? size + 3 : size + 40_000, String.fromCharCode(65 + (i % 26)))
          body = Buffer.concat([body, piece])
          held.add(piece)
          continue
        }
        const from = held.start
        const to = Math.min(held.end, from + size)
        if (kind === 'release') held.release(to)
        else expect(Buffer.concat(held.take(to)).equals(body.subarray(from, to))).toBe(true)
        expect([held.start, held.end]).toEqual([to, body.length])
      }
      const from = held.start
      expect(Buffer.concat(held.take(held.end)).equals(body.subarray(from))).toBe(true)
    }),
  )
})

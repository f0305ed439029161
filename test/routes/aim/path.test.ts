import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normalisePath, toSegment } from '../../../src/routes/aim/path.ts'

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(...'/-aZ9 _.é\u0130\ud800😀'), maxLength: 220 }),
)

describe('a segment', () => {
  test.each([
    ['qwen-chat', 'qwen-chat'],
    ['API_v1.5', 'api-v1-5'],
    ['a b', 'a-b'],
    ['a  b', 'a--b'],
    ['a--b', 'a--b'],
    ['Meta/Llama-3-8B', 'meta-llama-3-8b'],
    ['%2Fx', '2fx'],
    ['é~q', 'q'],
    ['a😀b', 'a-b'],
    ['-a-', 'a'],
    ['___', ''],
    ['', ''],
    ['a'.repeat(64), 'a'.repeat(63)],
    [`${'a'.repeat(62)}-b`, 'a'.repeat(62)],
    [`---${'a'.repeat(64)}`, 'a'.repeat(63)],
  ])('%j becomes %j', (text, segment) => {
    expect(toSegment(text)).toBe(segment)
  })

  test('is a DNS label or empty, and stays as it is', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const segment = toSegment(text)
        expect(segment).toMatch(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/)
        expect(toSegment(segment)).toBe(segment)
      }),
    )
  })
})

describe('a path', () => {
  test.each([
    ['/API_v1.5/a b', '/api-v1-5/a-b'],
    ['models///x//', '/models/x'],
    ['  /a/b/  ', '/a/b'],
    ['//a//b//', '/a/b'],
    ['/x}y/z', '/x-y/z'],
    ['/', '/'],
    ['///', '/'],
    ['/-/_/', '/'],
    ['a', '/a'],
  ])('%j becomes %j', (rendered, path) => {
    expect(normalisePath(rendered)).toEqual({ path })
  })

  test.each(['', '   ', '\t\n'])('%j is empty', (rendered) => {
    expect(normalisePath(rendered)).toEqual({ cause: 'route template produced an empty path' })
  })

  test.each([
    ['200 bytes', `/${'a'.repeat(199)}`, true],
    ['199 and a slash that is added', 'a'.repeat(199), true],
    ['200 and slashes at the end', `/${'a'.repeat(199)}///`, true],
    ['200 and spaces around', ` /${'a'.repeat(199)} `, true],
    ['201 bytes', `/${'a'.repeat(200)}`, false],
    ['200 and a slash that is added', 'a'.repeat(200), false],
    ['101 characters of two bytes', `/${'é'.repeat(100)}`, false],
    ['200 bytes of characters of two', `/a${'é'.repeat(99)}`, true],
    ['slashes that would be dropped', `/a${'/'.repeat(199)}b`, false],
  ])('counts bytes before segments are made: %s', (_, rendered, fits) => {
    const result = normalisePath(rendered)
    if (fits) expect(result).toHaveProperty('path')
    else expect(result).toEqual({ cause: expect.stringContaining('exceeds 200 characters') })
  })

  test('is at most 200 bytes of clean segments, and normalised again the same', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const result = normalisePath(text)
        if ('cause' in result) return
        expect(result.path).toMatch(/^(\/|(\/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+)$/)
        expect(Buffer.byteLength(result.path)).toBeLessThanOrEqual(200)
        expect(normalisePath(result.path)).toEqual(result)
      }),
    )
  })

  test('is empty or too long, or there is one', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const trimmed = text.trim().replace(/\/+$/, '')
        const bytes = Buffer.byteLength(trimmed.startsWith('/') || trimmed === '' ? trimmed : `/${trimmed}`)
        const expected = text.trim() === '' || bytes > 200 ? 'cause' : 'path'
        expect(normalisePath(text)).toHaveProperty(expected)
      }),
    )
  })
})

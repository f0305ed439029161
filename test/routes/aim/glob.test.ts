import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { matchesGlob, parseGlob } from '../../../src/routes/aim/glob.ts'

const matches = (pattern: string, text: string): boolean | undefined => {
  const glob = parseGlob(pattern)
  return glob === undefined ? undefined : matchesGlob(glob, text)
}

describe('a pattern', () => {
  test.each([
    ['team-*', 'team-a', true],
    ['team-*', 'team-', true],
    ['team-*', 'org.x/team-a', false],
    ['team-*', 'team-a/b', false],
    ['app.kubernetes.io/*', 'app.kubernetes.io/part-of', true],
    ['*/*', 'a/b', true],
    ['*', 'a/b', false],
    ['**', 'abc', true],
    ['*a*b', 'xaybzb', true],
    ['*a*b', 'xayb/', false],
    ['cost-center', 'cost-center', true],
    ['cost-center', 'cost-centers', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a?c', 'a/c', false],
    ['a?c', 'a😀c', true],
    ['[ab]x', 'bx', true],
    ['[ab]x', 'cx', false],
    ['[a-c]x', 'bx', true],
    ['[^ab]x', 'cx', true],
    ['[^ab]x', 'ax', false],
    [String.raw`[\]]`, ']', true],
    [String.raw`[\-]`, '-', true],
    [String.raw`a\*b`, 'a*b', true],
    [String.raw`a\*b`, 'axb', false],
    [String.raw`a\\b`, 'a\\b', true],
    ['a]b', 'a]b', true],
    ['', '', true],
    ['', 'a', false],
  ])('%j and %j: %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected)
  })

  test.each(['[', '[]', '[]a]', '[^]', '[a', '[a-', '[a-]', '[-a]', 'x[', 'a\\', '[\\', '[a-\\'])(
    '%j is malformed',
    (pattern) => {
      expect(parseGlob(pattern)).toBeUndefined()
    },
  )

  test('matches what the regular expression of the same meaning matches', () => {
    const token = fc.constantFrom(
      ['*', '[^/]*'],
      ['?', '[^/]'],
      ['[ab]', '[ab]'],
      ['[^a]', '[^a]'],
      ['[a-b/]', '[ab/]'],
      ['a', 'a'],
      ['/', '/'],
      [String.raw`\*`, String.raw`\*`],
    )
    fc.assert(
      fc.property(
        fc.array(token, { maxLength: 7 }),
        fc.string({ unit: fc.constantFrom(...'abc/*'), maxLength: 10 }),
        (tokens, text) => {
          const regex = new RegExp(`^${tokens.map(([, regex]) => regex).join('')}$`, 's')
          expect(matches(tokens.map(([glob]) => glob).join(''), text)).toBe(regex.test(text))
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('of any shape is malformed or answers', () => {
    const text = fc.string({ unit: fc.constantFrom(...'[]^-\\*?ab/'), maxLength: 12 })
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), text, (pattern, text) => {
        expect([true, false, undefined]).toContain(matches(pattern, text))
      }),
    )
  })

  test('with many runs costs no more than its length times that of the text', () => {
    expect(matches('*a'.repeat(100), `${'a'.repeat(2000)}b`)).toBe(false)
  })
})

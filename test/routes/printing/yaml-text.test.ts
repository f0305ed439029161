import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse, parseDocument } from 'yaml'
import { yamlText } from '../../../src/routes/printing/yaml-text.ts'

const readers = [{ version: '1.1' }, { version: '1.2' }] as const

/** What a reader of YAML 1.1 or 1.2, or PyYAML with its own rules, could take for something else. */
const strings = [
  ...['yes', 'No', 'on', 'OFF', 'y', 'N', 'true', 'False', 'null', 'Null', '~', ''],
  ...[
    '12:30',
    '1:2:3',
    '1e3',
    '1.5e3',
    '.5',
    '5.',
    '+1',
    '-1',
    '0x1F',
    '0o14',
    '014',
    '09',
    '0b11',
    '1_000',
    '.inf',
    '-.INF',
    '.NaN',
  ],
  ...['2026-01-01', '2026-01-01T00:00:00Z', '2026-1-1 1:00:00', '=', '<<', '-', '?', '...', '--- a', '- a', '? a'],
  ...[
    'a: b',
    'a:',
    'a #b',
    '#a',
    '*a',
    '&a',
    '!a',
    '|',
    '>',
    '%a',
    '@a',
    '`a',
    '[a]',
    '{{ .Name }}',
    '"a"',
    "'a'",
    'a\\b',
  ],
  ...[
    'a\nb',
    'a\n',
    '\n',
    '\ta',
    ' a',
    'a ',
    '\r\n',
    '\0',
    '\x1b[31m',
    '\x7f',
    '\x85',
    '\u00a0',
    '\u2028',
    '\ufeff',
    '\ufffe',
  ],
  ...['é', '😀', 'x '.repeat(300), '^chat\\.ml(\\.svc)?(?::\\d{1,5})?$'],
]

describe.each(readers)('a reader of YAML $version', (options) => {
  test.each(strings.map((text) => [JSON.stringify(text), text]))('takes %s for that string', (_, text) => {
    const value = { value: text, [text]: 'key', list: [text] }
    expect(parse(yamlText(value), options)).toEqual(value)
  })

  test('takes any value for what it is', () => {
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(tie('scalar'), fc.array(tie('value')), fc.dictionary(text, tie('value'))),
      scalar: fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
    }))
    const isSame = (given: unknown) => {
      expect(parse(yamlText({ given }), options)).toEqual({ given })
    }
    fc.assert(fc.property(value, isSame))
  })

  // A key of this name would be the prototype in the reader's own objects.
  const text = fc.string({ unit: 'binary' }).filter((each) => each !== '__proto__')
})

test('lines are not folded, and values that occur twice are written twice', () => {
  const labels = { team: 'nlp' }
  const long = 'word '.repeat(100).trim()
  expect(yamlText({ a: labels, b: labels, long })).toBe(`a:\n  team: nlp\nb:\n  team: nlp\nlong: ${long}\n`)
})

test('what needs no quotes has none', () => {
  const value = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    path: '/v1/router',
    timeout: '60s',
    name: 'a-b.c',
    port: 8080,
  }
  const text = yamlText(value)
  expect(text).not.toMatch(/["']/)
  expect(parseDocument(text).errors).toEqual([])
})

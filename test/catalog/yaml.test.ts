import { describe, expect, test } from 'vitest'
import { LineCounter, parseAllDocuments } from 'yaml'
import { composeDocuments, maxYamlDepth } from '../../src/catalog/yaml.ts'

const values = (text: string) => [...composeDocuments(text, { logLevel: 'error' })].map((document) => document.toJS())

describe('documents of YAML', () => {
  test.each([
    '',
    'a: 1',
    '# nothing',
    '---\na: [1, {b: c}]\n...\n---\n- x\n- - y\n',
    '? a\n: b',
    'a: &x 1\nb: *x',
    '{"a": [1]}',
  ])('%j are those that the library reads', (text) => {
    expect(values(text)).toEqual([...parseAllDocuments(text, { logLevel: 'error' })].map((document) => document.toJS()))
  })

  test('know their lines', () => {
    const lines = new LineCounter()
    const [document] = composeDocuments('a: 1\nb:\n  c: 2\n', { lineCounter: lines })
    expect(lines.linePos(document.range[2])).toEqual({ line: 4, col: 1 })
  })
})

describe('what is nested', () => {
  test.each([
    ['lists', (depth: number) => '['.repeat(depth) + ']'.repeat(depth)],
    ['maps', (depth: number) => `${'{a: '.repeat(depth)}1${'}'.repeat(depth)}`],
    ['lists of blocks', (depth: number) => `${'- '.repeat(depth)}x`],
    ['keys', (depth: number) => `${'? '.repeat(depth)}x`],
  ])('%s is read to the limit, and refused beyond it', (_, nested) => {
    expect(() => values(nested(maxYamlDepth - 1))).not.toThrow()
    expect(() => values(nested(maxYamlDepth + 1))).toThrow('nested more than 64 deep')
  })

  test('too deeply takes nothing from the documents before it', () => {
    const read: unknown[] = []
    expect(() => {
      for (const document of composeDocuments(`a: 1\n---\n${'? '.repeat(300)}`, {})) read.push(document.toJS())
    }).toThrow('nested')
    expect(read).toEqual([{ a: 1 }])
  })
})

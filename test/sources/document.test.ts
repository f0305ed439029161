import { describe, expect, test } from 'vitest'
import { formatProblem } from '../../src/catalog/problem.ts'
import { readDocuments } from '../../src/sources/document.ts'

function read(text: string) {
  const { documents, problems } = readDocuments('a.yaml', text)
  return { values: documents.map(({ value }) => value), problems: problems.map(formatProblem) }
}

describe('documents', () => {
  test.each([
    ['two', 'a: 1\n---\nb: 2\n', [{ a: 1 }, { b: 2 }]],
    ['empty ones in between', '---\n# nothing\n---\na: 1\n---\n---\n~\n', [{ a: 1 }]],
    ['none', '', []],
    ['only remarks', '# nothing\n', []],
    ['lines of Windows', 'a: 1\r\n---\r\nb: 2\r\n', [{ a: 1 }, { b: 2 }]],
    ['JSON', '{\n\t"a": [1, "b"]\n}\n', [{ a: [1, 'b'] }]],
    ['anchors and merged keys', 'a: &a {b: 1}\nc: {<<: *a, d: 2}', [{ a: { b: 1 }, c: { b: 1, d: 2 } }]],
    ['scalars as kubectl reads them', 'a: yes\nb: off\nc: 010', [{ a: true, b: false, c: 8 }]],
    [
      'dates and times as text',
      'a: 2026-01-31\nb: 2026-01-31T12:00:00Z\nc: 12:30',
      [{ a: '2026-01-31', b: '2026-01-31T12:00:00Z', c: '12:30' }],
    ],
  ])('%s', (_, text, values) => {
    expect(read(text)).toEqual({ values, problems: [] })
  })

  test.each([
    [
      'a list that does not end',
      'b: [1',
      'a.yaml:4:1: broken YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['a key twice', 'b: 1\nb: 2', 'a.yaml:4:1: broken YAML: Map keys must be unique'],
    [
      'an alias of nothing',
      'b: *c',
      'a.yaml:3:1: broken YAML: Unresolved alias (the anchor must be set before the alias): c',
    ],
  ])('%s breaks its own document only', (_, broken, problem) => {
    expect(read(`a: 1\n---\n${broken}\n---\nd: 4`)).toEqual({ values: [{ a: 1 }, { d: 4 }], problems: [problem] })
  })

  test('aliases that multiply are refused', () => {
    const levels = Array.from(
      { length: 9 },
      (_, level) => `a${level + 1}: &a${level + 1} [${Array(9).fill(`*a${level}`)}]`,
    )
    expect(read(['a0: &a0 [x]', ...levels].join('\n'))).toEqual({
      values: [],
      problems: ['a.yaml:1:1: broken YAML: Excessive alias count indicates a resource exhaustion attack'],
    })
  })

  test('nesting without end is refused', () => {
    const { values, problems } = read(`a: ${'['.repeat(20_000)}`)
    expect(values).toEqual([])
    expect(problems).toHaveLength(1)
  })
})

describe('places', () => {
  const text = `# a pool
kind: Pool
spec:
  ports:
    - number: 1
    - {number: 2, name: b}
  ref: &ref
    name: x
  again: *ref
---
kind: Other
7: seven
`
  const [first, second] = readDocuments('a.yaml', text).documents

  test.each([
    [[], '2:1'],
    [['kind'], '2:1'],
    [['spec', 'ports'], '4:3'],
    [['spec', 'ports', 0], '5:7'],
    [['spec', 'ports', 1, 'name'], '6:19'],
    [['spec', 'ref', 'name'], '8:5'],
    [['spec', 'again', 'name'], '8:5'],
    [['spec', 'missing', 'deeper'], '3:1'],
    [['spec', 'ports', 2], '4:3'],
    [['kind', 'of', 'what'], '2:1'],
    [['missing'], '2:1'],
  ])('%j stands at %s', (path, place) => {
    expect(first.origin.place(path)).toBe(`a.yaml:${place}`)
  })

  test('of a later document', () => {
    expect(second.origin.place(['kind'])).toBe('a.yaml:11:1')
    expect(second.origin.place(['7'])).toBe('a.yaml:12:1')
  })
})

import { describe, expect, test } from 'vitest'
import { blocksOf, commandsOf, statementsOf } from './blocks.ts'
import { isShown } from './output.ts'

describe('a script is cut where the shell would cut it', () => {
  test.each([
    ['lines', ['a', '', '# words', 'b  # more words'], ['a', 'b  # more words']],
    ['a line that goes on', ['a \\', '  --flag |', 'b', 'c'], ['a \\\n  --flag |\nb', 'c']],
    ['quotes', [`a -d '{"x":`, `1}'`, `b "it's \\"so\\""`], [`a -d '{"x":\n1}'`, `b "it's \\"so\\""`]],
    ['a loop', ['for i in 1 2; do', '  a', 'done | sort', 'b'], ['for i in 1 2; do\n  a\ndone | sort', 'b']],
    ['a here-document', ["a <<'EOF'", 'b', 'EOF', 'c'], ["a <<'EOF'\nb\nEOF", 'c']],
  ])('%s', (_, lines, statements) => {
    expect(statementsOf(lines).map(({ text }) => text)).toEqual(statements)
  })

  test('and one without an end is an error', () => {
    expect(() => statementsOf(["a 'b"])).toThrow("a command does not end: a 'b")
  })
})

test('a block of a list shows commands with their outputs, each at its line', () => {
  const [block] = blocksOf('x.md', '1. Do:\n\n   ```\n   $ a\n   one\n   …\n   $ b\n   ```\n')
  expect(commandsOf(block)).toEqual([
    { document: 'x.md', line: 4, text: 'a', output: 'one\n…' },
    { document: 'x.md', line: 7, text: 'b', output: '' },
  ])
})

test('a block without a language and without a command shows none', () => {
  const [block] = blocksOf('x.md', '```\na picture\n```\n')
  expect(commandsOf(block)).toBeUndefined()
})

describe('what is printed is as it is shown', () => {
  test.each([
    ['ready after 73s at 127.0.0.1:8080', 'ready after 2.5s at 127.0.0.1:43125', true],
    ['NAME   AGE\nqwen   73s', 'NAME      AGE\nqwen      9m', true],
    ['{"id":"…","model":"qwen"}', '{"id":"chat-1","model":"qwen"}', true],
    ['one\n…\nfour', 'one\ntwo\nthree\nfour', true],
    ['one\nfour', 'one\ntwo\nfour', false],
    ['{"model":"qwen"}', '{"model":"qwen-2"}', false],
    ['2 errors', '3 errors', false],
  ])('%j: %j', (shown, printed, is) => {
    expect(isShown(shown, printed)).toBe(is)
  })
})

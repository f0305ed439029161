import { expect, test } from 'vitest'
import { promptBlocks } from '../../src/sim/prompt-blocks.ts'

const blocks = (prompt: unknown, owner?: string) => promptBlocks(prompt, owner, 2, 1000)
const message = (content: unknown) => [{ role: 'user', content }]

test('a key for each whole block, four characters a token', () => {
  expect(blocks('x'.repeat(7))).toHaveLength(0)
  expect(blocks('x'.repeat(8))).toHaveLength(1)
  expect(blocks('x'.repeat(23))).toHaveLength(2)
  expect(blocks([1, 2, 3, 4])).toHaveLength(2)
  expect(blocks(message([{ type: 'text', text: 'x'.repeat(8) }]))).toHaveLength(1)
})

test('prompts have keys in common as far as they are the same', () => {
  const [one, other] = [blocks('abcdefgh12345678ABCDEFGH'), blocks('abcdefgh12345678ABCDEFGX')]
  expect(other.slice(0, 2)).toEqual(one.slice(0, 2))
  expect(other[2]).not.toBe(one[2])
  const late = blocks('Xbcdefgh12345678ABCDEFGH')
  for (const key of late) expect(one).not.toContain(key)
})

test('how a prompt is cut into texts does not matter, whose it is does', () => {
  expect(blocks(message('abcdefgh12345678'))).toEqual(blocks([...message('abcde'), ...message('fgh12345678')]))
  expect(blocks('abcdefgh', 'v1')).not.toEqual(blocks('abcdefgh'))
  expect(blocks('abcdefgh', 'v1')).not.toEqual(blocks('abcdefgh', 'v2'))
})

test('token ids differ by all of their bits', () => {
  const keys = [1, 2, 0x10001, 0x20001].flatMap((id) => blocks([id, id]))
  expect(new Set(keys).size).toBe(4)
})

test('of a prompt longer than the cache only the beginning has keys', () => {
  expect(promptBlocks('x'.repeat(8000), undefined, 2, 3)).toHaveLength(3)
})

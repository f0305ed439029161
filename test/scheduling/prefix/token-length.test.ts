import { expect, it } from 'vitest'
import { TokenLength } from '../../../src/scheduling/prefix/token-length.ts'

function learned(prompts: number, bytes: number, tokens: number): number {
  const length = new TokenLength()
  for (let i = 0; i < prompts; i += 1) length.learn(bytes, tokens)
  return length.bytes
}

it('is 4 bytes until a server has said more', () => {
  expect(new TokenLength().bytes).toBe(4)
})

it('takes in each prompt by a thirty-second', () => {
  expect(learned(1, 7_200, 1_000)).toBeCloseTo(4 + 3.2 / 32)
  expect(learned(300, 7_200, 1_000)).toBeCloseTo(7.2, 2)
})

it.each([
  ['short prompts, which the chat template makes up', 1_023, 200],
  ['images', 2_000_000, 700],
  ['no tokens', 5_000, 0],
  ['more tokens than bytes', 5_000, 5_001],
])('learns nothing from %s', (_, bytes, tokens) => {
  expect(learned(10, bytes, tokens)).toBe(4)
})

import { expect, test } from 'vitest'
import { chatBody, modelPositions } from '../../bench/bodies.ts'

test.each(modelPositions)('a body with the model %s is JSON of exactly the size that was asked for', (position) => {
  for (const bytes of [128, 1024, 65_537]) {
    const body = chatBody(bytes, position, 'qwen')
    expect(body.length).toBe(bytes)
    const keys = Object.keys(JSON.parse(body.toString()))
    expect(keys).toEqual(position === 'first' ? ['model', 'messages'] : ['messages', 'model'])
  }
})

test('a size that no body has is refused', () => {
  expect(() => chatBody(10, 'first', 'qwen')).toThrow('10 bytes')
})

import { describe, expect, test } from 'vitest'
import { compileAttributes } from '../../src/response/attributes.ts'

const attribute = (expression: string, condition?: string, namespace?: string) => ({
  key: { name: 'cost', ...(namespace && { namespace }) },
  expression,
  ...(condition && { condition }),
})
const report = (usage: Record<string, number>, ...attributes: object[]) =>
  compileAttributes({ attributes }).report(usage)

describe('what is reported', () => {
  const usage = { prompt_tokens: 32, completion_tokens: 10 }

  test.each([
    { expression: 'usage.completion_tokens', condition: 'has(usage.completion_tokens)', value: 10 },
    { expression: 'usage.prompt_tokens + usage.completion_tokens\n', condition: undefined, value: 42 },
    { expression: 'usage.prompt_tokens > 20 ? "long" : "short"', condition: undefined, value: 'long' },
    { expression: 'usage.prompt_tokens > 20', condition: 'true', value: true },
    { expression: '7', condition: undefined, value: 7 },
  ])('$expression if $condition: $value', ({ expression, condition, value }) => {
    expect(report(usage, attribute(expression, condition))).toEqual([{ namespace: 'envoy.lb', name: 'cost', value }])
  })

  test.each([
    { expression: 'usage.completion_tokens', condition: 'has(usage.x)' },
    { expression: 'usage.completion_tokens', condition: 'usage.x > 1' },
    { expression: 'usage.completion_tokens', condition: '1' },
    { expression: 'usage.x', condition: undefined },
    { expression: 'usage.prompt_tokens / 0', condition: undefined },
    { expression: 'null', condition: undefined },
  ])('nothing for $expression if $condition', ({ expression, condition }) => {
    expect(report(usage, attribute(expression, condition))).toEqual([])
  })

  test('several, each for itself', () => {
    const reported = report(usage, attribute('usage.x'), attribute('1', undefined, 'billing'), attribute('2'))
    expect(reported).toEqual([
      { namespace: 'billing', name: 'cost', value: 1 },
      { namespace: 'envoy.lb', name: 'cost', value: 2 },
    ])
  })
})

describe('parameters that are refused', () => {
  test.each([
    { parameters: {}, path: ['attributes'] },
    { parameters: { attributes: [] }, path: ['attributes'] },
    { parameters: { attributes: [attribute('')] }, path: ['attributes', 0, 'expression'] },
    { parameters: { attributes: [attribute('1'), attribute('1', '1 +')] }, path: ['attributes', 1, 'condition'] },
    { parameters: { attributes: [{ key: { name: '' }, expression: '1' }] }, path: ['attributes', 0, 'key', 'name'] },
    { parameters: { attributes: [{ expression: '1' }] }, path: ['attributes', 0, 'key'] },
    { parameters: { attributes: [{ ...attribute('1'), when: '1' }] }, path: ['attributes', 0] },
  ])('$parameters', ({ parameters, path }) => {
    expect(() => compileAttributes(parameters)).toThrow(
      expect.objectContaining({ issues: [expect.objectContaining({ path })] }),
    )
  })

  test('an expression with the position of what is wrong', () => {
    expect(() => compileAttributes({ attributes: [attribute('usage.a + cost')] })).toThrow(
      'position 11: unknown name cost, allowed: usage',
    )
  })
})

import { describe, expect, test } from 'vitest'
import { describeChoice, isSelected, parseSelector } from '../../../src/routes/printing/selection.ts'

const route = { kind: 'HTTPRoute', metadata: { name: 'chat', namespace: 'ml' } }

describe('--only', () => {
  test.each([
    ['HTTPRoute/chat', true],
    ['httproute/chat', true],
    ['HTTPRoute/ml/chat', true],
    ['HTTPROUTE', true],
    ['HTTPRoute/Chat', false],
    ['HTTPRoute/other/chat', false],
    ['HTTPRoutes/chat', false],
    ['Ingress/chat', false],
  ])('%s', (text, expected) => {
    expect(isSelected([parseSelector(text)!], route)).toBe(expected)
    expect(isSelected([parseSelector('Service/x')!, parseSelector(text)!], route)).toBe(expected)
  })

  test.each(['', '/', 'a/', '/a', 'a//b', 'a/b/c/d'])('%j is no selector', (text) => {
    expect(parseSelector(text)).toBeUndefined()
  })

  test('says what there is when nothing matches, and what is near', () => {
    expect(describeChoice([parseSelector('HTTPRoute/ml/chap')!], [route])).toBe(
      'nothing is httproute/ml/chap, did you mean HTTPRoute/ml/chat?; there is HTTPRoute/ml/chat',
    )
    expect(describeChoice([parseSelector('HTTPRoutes')!], [route])).toBe(
      'nothing is httproutes, did you mean HTTPRoute?; there is HTTPRoute/ml/chat',
    )
    expect(describeChoice([parseSelector('Ingress')!, parseSelector('x/y')!], [])).toBe(
      'nothing is ingress or x/y; there is nothing at all',
    )
    const many = Array.from({ length: 23 }, (_, index) => ({
      kind: 'A',
      metadata: { name: `n${index}`, namespace: 'x' },
    }))
    expect(describeChoice([parseSelector('Ingress')!], many)).toMatch(/A\/x\/n19 and 3 more$/)
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileExpression } from '../../src/response/expression.ts'
import { fuzzRuns } from '../fuzz/random.ts'

const usage = { prompt_tokens: 32, completion_tokens: 10, 'prompt_tokens_details.cached_tokens': 16 }
const value = (text: string) => compileExpression(text)(usage)

describe('values', () => {
  test.each([
    ['usage.prompt_tokens', 32],
    ['usage["completion_tokens"]', 10],
    ['usage.prompt_tokens_details.cached_tokens', 16],
    ['usage.prompt_tokens + usage.completion_tokens', 42],
    ['usage.prompt_tokens + 1', 33],
    ['(has(usage.prompt_tokens) ? usage.prompt_tokens : 0) + (has(usage.x) ? usage.x : 0)', 32],
    ['usage.prompt_tokens * 0.5 - 1.5e1 / .5', -14],
    ['2 + 3 * 4 - 5', 9n],
    ['10 - 4 - 3', 3n],
    ['100 / 7 / 2', 7n],
    ['-7 / 2', -3n],
    ['-7 % 3', -1n],
    ['7 / 2.0', 3.5],
    ['1.0 / 0', Number.POSITIVE_INFINITY],
    ['0x1F', 31n],
    ['int(usage.prompt_tokens) % 10', 2n],
    ['int(-1.9)', -1n],
    ['int("-12")', -12n],
    ['double(3)', 3],
    ['double("1.5")', 1.5],
    ['string(3) + string(1.5)', '31.5'],
    ['"a" + \'b"\' + "\\n\\u0041"', 'ab"\nA'],
    ['true', true],
    ['null', null],
    ['!true', false],
    ['!!(1 < 2)', true],
    ['--3', 3n],
    ['1 < 2 == true', true],
    ['1 == 1.0', true],
    ['1 != 2 && 2 >= 2 && 1 <= 1 && 2 > 1', true],
    ['9007199254740993 == 9007199254740992', false],
    ['"a" < "b"', true],
    ['1 == "1"', false],
    ['null == null', true],
    ['true || false && false', true],
    ['false ? 1 : true ? 2 : 3', 2n],
    ['has(usage.prompt_tokens_details)', true],
    ['has(usage.prompt_tokens_details.cached_tokens) && !has(usage.prompt_token)', true],
    ['// the sum\n1 + // of\n1', 2n],
  ])('%s is %s', (text, expected) => expect(value(text)).toBe(expected))
})

describe('errors when it is evaluated', () => {
  test.each([
    'usage.missing',
    'usage.toString',
    'usage.missing + 1',
    'usage.missing == 1',
    '1 / 0',
    '1 % 0',
    '1.5 % 2.0',
    '1 + "1"',
    'true + true',
    '"a" - "b"',
    '-"a"',
    '!1',
    '1 ? 2 : 3',
    'true < 1',
    'null < 1',
    '9223372036854775807 + 1',
    '-9223372036854775807 - 2',
    'int("1.5")',
    'int(1.0 / 0)',
    'int(true)',
    'double("x")',
    'double("")',
    'string(null)',
    'int(usage.missing)',
    'true && usage.missing',
    'usage.missing || false',
    'true && 1',
  ])('%s', (text) => expect(value(text)).toBeUndefined())

  test.each([
    ['usage.missing && false', false],
    ['false && usage.missing', false],
    ['usage.missing || true', true],
    ['true || usage.missing', true],
    ['true ? 1 : usage.missing', 1n],
  ])('%s is %s all the same', (text, expected) => expect(value(text)).toBe(expected))
})

describe('errors when it is compiled', () => {
  test.each([
    ['', 'position 1: found the end, expected a value'],
    ['1 +', 'position 4: found the end, expected a value'],
    ['1 2', 'position 3: found 2, expected the end'],
    ['(1', 'position 3: found the end, expected )'],
    ['true ? 1', 'position 9: found the end, expected :'],
    ['usage', 'position 6: found the end, expected a field of usage, such as .prompt_tokens'],
    ['usage.', 'position 7: found the end, expected a field name'],
    ['usage[1]', 'position 7: found 1, expected a field name in quotes'],
    ['usages.x', 'position 1: unknown name usages, allowed: usage'],
    ['1 + size("x")', 'position 5: unknown function size, allowed: has, int, double, string'],
    ['has(1)', 'position 5: has() takes a field of usage'],
    ['1 # 2', 'position 3: no part of an expression begins like this'],
    ['1 = 2', 'position 3: no part of an expression begins like this'],
    ['"a', 'position 1: no part of an expression begins like this'],
    ['"a\\q"', 'position 3: unknown escape \\q'],
    ['12abc', 'position 3: a number or text ends here, and something else begins'],
    ['9223372036854775808', 'position 1: 9223372036854775808 is larger than an int can be'],
    ['('.repeat(1001), 'position 1001: an expression of more than 1000 parts'],
  ])('%s', (text, message) => expect(() => compileExpression(text)).toThrow(message))
})

describe('every expression of doubles', () => {
  type Tree = { readonly text: string; readonly power: number }
  const operators: Readonly<Record<string, number>> = {
    '||': 1,
    '&&': 2,
    '<': 3,
    '==': 3,
    '+': 4,
    '-': 4,
    '*': 5,
    '/': 5,
  }
  const wrap = ({ text, power }: Tree, least: number) => (power < least ? `(${text})` : text)
  const join = (left: Tree, operator: string, right: Tree): Tree => {
    const power = operators[operator]
    return { text: `${wrap(left, power)} ${operator} ${wrap(right, power + 1)}`, power }
  }
  const { number, truth } = fc.letrec<{ number: Tree; truth: Tree }>((tie) => ({
    number: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('1.0', '2.5', '0.0', 'usage.prompt_tokens').map((text): Tree => ({ text, power: 9 })),
      fc.tuple(tie('number'), fc.constantFrom('+', '-', '*', '/'), tie('number')).map((parts) => join(...parts)),
      fc.tuple(tie('truth'), tie('number'), tie('number')).map(
        ([condition, yes, no]): Tree => ({
          text: `(${wrap(condition, 1)} ? ${wrap(yes, 1)} : ${no.text})`,
          power: 9,
        }),
      ),
    ),
    truth: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('true', 'false').map((text): Tree => ({ text, power: 9 })),
      fc
        .tuple(tie('number'), fc.constantFrom('<', '=='), tie('number'))
        .map(
          ([left, operator, right]): Tree =>
            join({ ...left, power: left.power === 3 ? 0 : left.power }, operator, right),
        ),
      fc.tuple(tie('truth'), fc.constantFrom('&&', '||'), tie('truth')).map((parts) => join(...parts)),
    ),
  }))

  test('has the value that JavaScript gives it, whose precedence is the same', () => {
    fc.assert(
      fc.property(fc.oneof(number, truth), ({ text }) => {
        const expected = new Function('usage', `return ${text}`)(usage)
        expect(value(text)).toBe(expected)
      }),
      { numRuns: fuzzRuns },
    )
  })
})

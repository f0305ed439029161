import { ok } from 'node:assert/strict'
import { compileExpression, ExpressionError } from '../../../src/response/expression.ts'
import { mutateText } from '../mutate-text.ts'
import { defineTarget } from '../target.ts'

const samples = [
  'usage.prompt_tokens + usage.completion_tokens * 2.0',
  'has(usage.total_tokens) ? usage.total_tokens : 0',
  '!(usage.a > 3 && usage["b.c"] <= -1.5e3) || "x" == string(usage.a)',
  'int(usage.a) % 7 / 2 - double(3) != 1u',
]
const words = [
  ...[
    'usage',
    'usage.',
    'usage.a',
    'has(',
    'int(',
    'double(',
    'string(',
    '(',
    ')',
    '?',
    ':',
    '&&',
    '||',
    '!',
    '-',
    '+',
  ],
  ...[
    '*',
    '/',
    '%',
    '==',
    '!=',
    '<',
    '<=',
    '>',
    '>=',
    '"',
    "'",
    '9223372036854775807',
    '-9223372036854775808',
    '0u',
    '1e309',
  ],
  ...['((((((((', '!!!!!!!!', '--------', 'true', 'false', 'null', 'r"', '"""', '\\x41', '\\U0001F600', '//'],
]

export const expression = defineTarget<{ readonly text: string }>({
  name: 'expression',
  promise: 'any text is an expression with a value, or an ExpressionError that says where',

  generate: (random) => ({ text: mutateText(random.pick(samples), random, { words, others: samples }) }),

  check({ text }) {
    let value: unknown
    try {
      value = compileExpression(text)({ a: 4, prompt_tokens: 1e308, 'b.c': 0 })
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error
      ok(/^position \d+: ./.test(error.message), error.message)
    }
    ok(value == null || ['number', 'bigint', 'string', 'boolean'].includes(typeof value))
  },
})

import { ExpressionError, type Token, tokenize, type Value } from './expression-tokens.ts'

export { ExpressionError, type Value } from './expression-tokens.ts'

/** The fields of `usage`, by name; those of objects within it as `outer.inner`. */
export type UsageRecord = Readonly<Record<string, number>>

/** A compiled expression. Undefined where CEL has an error: a missing field, types that do not fit, a division by zero. */
export type Expression = (usage: UsageRecord) => Value | undefined

type Infix = { readonly power: number; readonly apply: (left: Expression, right: Expression) => Expression }

/** Tokens of an expression. What is nested as deeply would overflow the stack, here or when it is evaluated. */
const maxTokens = 1000

/**
 * Compiles the part of CEL (Common Expression Language, cel-spec v0.24) that makes sense of numbers: `usage.field`,
 * `has(usage.field)`, literals, `+ - * / %`, comparisons, `&& || !`, `?:`, `int()`, `double()`, `string()`. As in the
 * reference the fields are doubles; unlike there an int and a double may be added, as `has(usage.a) ? usage.a : 0` would
 * otherwise be of no use.
 * @throws ExpressionError
 */
export function compileExpression(text: string): Expression {
  const tokens = tokenize(text)
  if (tokens.length > maxTokens) {
    throw new ExpressionError(`an expression of more than ${maxTokens} parts`, tokens[maxTokens].at)
  }
  const parser = new Parser(tokens)
  const expression = parser.conditional()
  parser.expectEnd()
  return expression
}

class Parser {
  readonly #tokens: readonly Token[]
  #next = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get #token(): Token {
    return this.#tokens[this.#next]
  }

  expectEnd(): void {
    if (this.#token.kind !== 'end') throw this.#unexpected('the end')
  }

  conditional(): Expression {
    const condition = this.#binary(0)
    if (!this.#take('?')) return condition
    const yes = this.#binary(0)
    this.#expect(':')
    const no = this.conditional()
    return (usage) => {
      const value = condition(usage)
      return typeof value === 'boolean' ? (value ? yes : no)(usage) : undefined
    }
  }

  /** Operators that bind more tightly than `power`; all of them go from left to right. */
  #binary(power: number): Expression {
    let left = this.#unary()
    for (;;) {
      const infix = this.#token.kind === 'sign' ? infixes.get(this.#token.text) : undefined
      if (infix === undefined || infix.power <= power) return left
      this.#next++
      left = infix.apply(left, this.#binary(infix.power))
    }
  }

  #unary(): Expression {
    if (this.#take('!')) {
      const operand = this.#unary()
      return (usage) => {
        const value = operand(usage)
        return typeof value === 'boolean' ? !value : undefined
      }
    }
    if (this.#take('-')) {
      const operand = this.#unary()
      return (usage) => {
        const value = operand(usage)
        return typeof value === 'bigint' || typeof value === 'number' ? inRange(-value) : undefined
      }
    }
    return this.#primary()
  }

  #primary(): Expression {
    const token = this.#token
    if (token.kind === 'literal') {
      this.#next++
      return () => token.value
    }
    if (token.kind === 'name') {
      this.#next++
      return this.#named(token.text, token.at)
    }
    if (!this.#take('(')) throw this.#unexpected('a value')
    const inner = this.conditional()
    this.#expect(')')
    return inner
  }

  #named(name: string, at: number): Expression {
    if (name === 'usage') {
      const field = this.#field()
      return (usage) => (Object.hasOwn(usage, field) ? usage[field] : undefined)
    }
    if (!this.#take('(')) throw new ExpressionError(`unknown name ${name}, allowed: usage`, at)
    if (name === 'has') return this.#has()
    const convert = conversions.get(name)
    if (convert === undefined) {
      throw new ExpressionError(`unknown function ${name}, allowed: has, ${[...conversions.keys()].join(', ')}`, at)
    }
    const operand = this.conditional()
    this.#expect(')')
    return (usage) => {
      const value = operand(usage)
      return value === undefined ? undefined : convert(value)
    }
  }

  #has(): Expression {
    const { kind, at } = this.#token
    if (kind !== 'name' || this.#token.text !== 'usage') throw new ExpressionError('has() takes a field of usage', at)
    this.#next++
    const field = this.#field()
    this.#expect(')')
    const inner = `${field}.`
    return (usage) => Object.hasOwn(usage, field) || Object.keys(usage).some((key) => key.startsWith(inner))
  }

  /** `.name` or `["name"]`, once or more. */
  #field(): string {
    const names: string[] = []
    for (;;) {
      if (this.#take('.')) {
        const token = this.#token
        if (token.kind !== 'name') throw this.#unexpected('a field name')
        names.push(token.text)
        this.#next++
      } else if (this.#take('[')) {
        const token = this.#token
        if (token.kind !== 'literal' || typeof token.value !== 'string')
          throw this.#unexpected('a field name in quotes')
        names.push(token.value)
        this.#next++
        this.#expect(']')
      } else if (names.length === 0) throw this.#unexpected('a field of usage, such as .prompt_tokens')
      else return names.join('.')
    }
  }

  #take(sign: string): boolean {
    const token = this.#token
    if (token.kind !== 'sign' || token.text !== sign) return false
    this.#next++
    return true
  }

  #expect(sign: string): void {
    if (!this.#take(sign)) throw this.#unexpected(sign)
  }

  #unexpected(expected: string): ExpressionError {
    const token = this.#token
    const found = token.kind === 'end' ? 'the end' : token.kind === 'literal' ? String(token.value) : token.text
    return new ExpressionError(`found ${found}, expected ${expected}`, token.at)
  }
}

const minInt = -(2n ** 63n)

/** CEL's ints have 64 bits, and what runs over them is an error. */
function inRange(value: bigint | number): bigint | number | undefined {
  return typeof value === 'number' || (value >= minInt && value < -minInt) ? value : undefined
}

function arithmetic(
  ofInts: (left: bigint, right: bigint) => bigint | undefined,
  ofDoubles: (left: number, right: number) => number | undefined,
  ofStrings?: (left: string, right: string) => string,
): Infix['apply'] {
  return (leftOperand, rightOperand) => (usage) => {
    const left = leftOperand(usage)
    const right = rightOperand(usage)
    if (typeof left === 'bigint' && typeof right === 'bigint') {
      const value = ofInts(left, right)
      return value === undefined ? undefined : inRange(value)
    }
    if (typeof left === 'string' && typeof right === 'string') return ofStrings?.(left, right)
    return isNumeric(left) && isNumeric(right) ? ofDoubles(Number(left), Number(right)) : undefined
  }
}

function comparison(holds: (left: Value, right: Value) => boolean): Infix['apply'] {
  return (leftOperand, rightOperand) => (usage) => {
    const left = leftOperand(usage)
    const right = rightOperand(usage)
    if (left === undefined || right === undefined || left === null || right === null) return undefined
    const isOfOneKind = typeof left === typeof right || (isNumeric(left) && isNumeric(right))
    return isOfOneKind ? holds(left, right) : undefined
  }
}

function equality(isEqual: boolean): Infix['apply'] {
  return (leftOperand, rightOperand) => (usage) => {
    const left = leftOperand(usage)
    const right = rightOperand(usage)
    if (left === undefined || right === undefined) return undefined
    // biome-ignore lint/suspicious/noDoubleEquals: an int equals the double of the same value, as in CEL
    const same = isNumeric(left) && isNumeric(right) ? left == right : left === right
    return same === isEqual
  }
}

/** `||` is decided by a true side, `&&` by a false one, even when the other side is an error. */
function logic(decisive: boolean): Infix['apply'] {
  return (leftOperand, rightOperand) => (usage) => {
    const left = leftOperand(usage)
    if (left === decisive) return decisive
    const right = rightOperand(usage)
    if (right === decisive) return decisive
    return left === !decisive && right === !decisive ? !decisive : undefined
  }
}

const isNumeric = (value: Value | undefined): value is bigint | number =>
  typeof value === 'bigint' || typeof value === 'number'

const infixes: ReadonlyMap<string, Infix> = new Map([
  ['||', { power: 1, apply: logic(true) }],
  ['&&', { power: 2, apply: logic(false) }],
  ['==', { power: 3, apply: equality(true) }],
  ['!=', { power: 3, apply: equality(false) }],
  ['<', { power: 3, apply: comparison((left, right) => left! < right!) }],
  ['<=', { power: 3, apply: comparison((left, right) => left! <= right!) }],
  ['>', { power: 3, apply: comparison((left, right) => left! > right!) }],
  ['>=', { power: 3, apply: comparison((left, right) => left! >= right!) }],
  [
    '+',
    {
      power: 4,
      apply: arithmetic(
        (left, right) => left + right,
        (left, right) => left + right,
        (left, right) => left + right,
      ),
    },
  ],
  [
    '-',
    {
      power: 4,
      apply: arithmetic(
        (left, right) => left - right,
        (left, right) => left - right,
      ),
    },
  ],
  [
    '*',
    {
      power: 5,
      apply: arithmetic(
        (left, right) => left * right,
        (left, right) => left * right,
      ),
    },
  ],
  [
    '/',
    {
      power: 5,
      apply: arithmetic(
        (left, right) => (right === 0n ? undefined : left / right),
        (left, right) => left / right,
      ),
    },
  ],
  [
    '%',
    {
      power: 5,
      // CEL has no remainder of doubles.
      apply: arithmetic(
        (left, right) => (right === 0n ? undefined : left % right),
        () => undefined,
      ),
    },
  ],
])

const wholeNumber = /^[+-]?\d+$/

function toInt(value: Value): bigint | undefined {
  if (typeof value === 'number') {
    const whole = Math.trunc(value)
    return Number.isFinite(whole) ? (inRange(BigInt(whole)) as bigint | undefined) : undefined
  }
  if (typeof value === 'string' && wholeNumber.test(value)) {
    return inRange(BigInt(value.startsWith('+') ? value.slice(1) : value)) as bigint | undefined
  }
  return typeof value === 'bigint' ? value : undefined
}

function toDouble(value: Value): number | undefined {
  if (typeof value === 'boolean' || value === null || value === '') return undefined
  const number = Number(value)
  return typeof value === 'string' && Number.isNaN(number) ? undefined : number
}

const conversions: ReadonlyMap<string, (value: Value) => Value | undefined> = new Map<
  string,
  (value: Value) => Value | undefined
>([
  ['int', toInt],
  ['double', toDouble],
  ['string', (value) => (value === null ? undefined : String(value))],
])

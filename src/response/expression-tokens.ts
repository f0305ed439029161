/** What is wrong with an expression, and where. */
export class ExpressionError extends Error {
  override name = 'ExpressionError'
  /** Counted from 1. */
  readonly position: number

  constructor(message: string, at: number) {
    super(`position ${at + 1}: ${message}`)
    this.position = at + 1
  }
}

/** A value of CEL: its int is a bigint here, its double a number. */
export type Value = bigint | number | string | boolean | null

export type Token = { readonly at: number } & (
  | { readonly kind: 'literal'; readonly value: Value }
  | { readonly kind: 'name'; readonly text: string }
  | { readonly kind: 'sign'; readonly text: string }
  | { readonly kind: 'end' }
)

const space = /(?:[ \t\r\n\f]|\/\/[^\n]*)*/y
const double = /(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)/y
const int = /0[xX][0-9a-fA-F]+|\d+/y
const name = /[A-Za-z_][A-Za-z0-9_]*/y
const sign = /&&|\|\||[=!<>]=|[-+*/%<>!?:().,[\]]/y
const string = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/y

const maxInt = 2n ** 63n - 1n

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  "'": "'",
  '\\': '\\',
}

/** The tokens of a CEL expression, the last one `end`. @throws ExpressionError */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0]
  }
  for (;;) {
    at += match(space)!.length
    if (at === text.length) return [...tokens, { kind: 'end', at }]
    const [token, length] = tokenAt(match, at)
    tokens.push(token)
    at += length
    // 12abc, 1.2.3: neither one token nor two.
    if (token.kind === 'literal' && (match(name) !== undefined || match(double) !== undefined)) {
      throw new ExpressionError('a number or text ends here, and something else begins', at)
    }
  }
}

function tokenAt(match: (pattern: RegExp) => string | undefined, at: number): [Token, length: number] {
  let text = match(double)
  if (text !== undefined) return [{ kind: 'literal', value: Number(text), at }, text.length]
  text = match(int)
  if (text !== undefined) {
    const value = BigInt(text)
    if (value > maxInt) throw new ExpressionError(`${text} is larger than an int can be`, at)
    return [{ kind: 'literal', value, at }, text.length]
  }
  text = match(string)
  if (text !== undefined) return [{ kind: 'literal', value: contentOf(text, at), at }, text.length]
  text = match(name)
  switch (text) {
    case undefined:
      break
    case 'true':
    case 'false':
      return [{ kind: 'literal', value: text === 'true', at }, text.length]
    case 'null':
      return [{ kind: 'literal', value: null, at }, text.length]
    default:
      return [{ kind: 'name', text, at }, text.length]
  }
  text = match(sign)
  if (text === undefined) throw new ExpressionError('no part of an expression begins like this', at)
  return [{ kind: 'sign', text, at }, text.length]
}

function contentOf(quoted: string, at: number): string {
  return quoted.slice(1, -1).replaceAll(/\\(u[0-9a-fA-F]{4}|.)/g, (_, code: string, offset: number) => {
    if (code.length === 5) return String.fromCharCode(Number.parseInt(code.slice(1), 16))
    const character = escapes[code]
    if (character === undefined) throw new ExpressionError(`unknown escape \\${code}`, at + 1 + offset)
    return character
  })
}

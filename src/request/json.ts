import { isUtf8 } from 'node:buffer'

// The tokens of JSON (RFC 8259), as far as the readers of bodies need them.

/** The text of a string's content bytes; undefined when they are no JSON string, no UTF-8 or no whole characters. */
export function decodeString(raw: Buffer | undefined): string | undefined {
  if (raw === undefined || !isUtf8(raw)) return undefined
  const text = raw.toString('utf8')
  if (!escapeOrControl.test(text)) return text
  try {
    const decoded: string = JSON.parse(`"${text}"`)
    return decoded.isWellFormed() ? decoded : undefined
  } catch {
    return undefined
  }
}

const escapeOrControl = /[\\\x00-\x1f]/

/** Where in a number the cursor is: after which part of it. */
export const NumberPart = {
  none: 0,
  minus: 1,
  zero: 2,
  integer: 3,
  point: 4,
  fraction: 5,
  exponent: 6,
  sign: 7,
  power: 8,
} as const
export type NumberPart = (typeof NumberPart)[keyof typeof NumberPart]

/** At `part << 8 | byte`: the part that `byte` leads to, `none` when it does not belong to the number. */
export const nextNumberPart = new Uint8Array(9 << 8)

/** The grammar of RFC 8259, section 6. */
const numberGrammar: readonly [from: NumberPart, bytes: string, to: NumberPart][] = [
  [NumberPart.none, '-', NumberPart.minus],
  [NumberPart.none, '0', NumberPart.zero],
  [NumberPart.none, '123456789', NumberPart.integer],
  [NumberPart.minus, '0', NumberPart.zero],
  [NumberPart.minus, '123456789', NumberPart.integer],
  [NumberPart.zero, '.', NumberPart.point],
  [NumberPart.zero, 'eE', NumberPart.exponent],
  [NumberPart.integer, '0123456789', NumberPart.integer],
  [NumberPart.integer, '.', NumberPart.point],
  [NumberPart.integer, 'eE', NumberPart.exponent],
  [NumberPart.point, '0123456789', NumberPart.fraction],
  [NumberPart.fraction, '0123456789', NumberPart.fraction],
  [NumberPart.fraction, 'eE', NumberPart.exponent],
  [NumberPart.exponent, '+-', NumberPart.sign],
  [NumberPart.exponent, '0123456789', NumberPart.power],
  [NumberPart.sign, '0123456789', NumberPart.power],
  [NumberPart.power, '0123456789', NumberPart.power],
]
for (const [from, bytes, to] of numberGrammar) {
  for (const byte of Buffer.from(bytes)) nextNumberPart[(from << 8) | byte] = to
}

export const numberMayEnd = (part: number): boolean =>
  part === NumberPart.zero || part === NumberPart.integer || part === NumberPart.fraction || part === NumberPart.power

export const isWhiteSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

type ValueKind = 'a string' | 'an object' | 'an array' | 'a boolean' | 'null' | 'a number'

/** What kind of value begins with `byte`, in words for people; undefined when none does. */
export function describeValue(byte: number): ValueKind | undefined {
  if (byte === 0x22) return 'a string'
  if (byte === 0x7b) return 'an object'
  if (byte === 0x5b) return 'an array'
  if (byte === 0x74 || byte === 0x66) return 'a boolean'
  if (byte === 0x6e) return 'null'
  if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) return 'a number'
  return undefined
}

export function describeByte(byte: number): string {
  return byte > 0x20 && byte < 0x7f ? `"${String.fromCharCode(byte)}"` : `byte 0x${byte.toString(16).padStart(2, '0')}`
}

/** Bytes of a string that are looked at one by one before native search takes over. */
export const nativeSearchBytes = 64

/** That the bytes end before a string does, and whether the next byte is escaped. */
export const ClosingQuote = { none: -1, afterEscape: -2 } as const

/**
 * Where the string whose content goes on at `at` has its closing quote, before `end`; else one of {@link ClosingQuote}.
 * @param at at most one beyond `end`: then the byte before it is escaped
 */
export function findClosingQuote(bytes: Buffer, at: number, end: number): number {
  for (;;) {
    // Most strings are short, as is most text between escaped quotes: a call into native search would cost more.
    const near = Math.min(end, at + nativeSearchBytes)
    while (at < near) {
      const byte = bytes[at]
      if (byte === 0x22) return at
      at += byte === 0x5c ? 2 : 1
    }
    if (at >= end) return at > end ? ClosingQuote.afterEscape : ClosingQuote.none
    const found = bytes.indexOf(0x22, at)
    const quote = found < 0 || found > end ? end : found
    let run = quote
    while (run > at && bytes[run - 1] === 0x5c) run--
    // A byte after an odd run of backslashes is content.
    const isEscaped = ((quote - run) & 1) === 1
    if (quote === end) return isEscaped ? ClosingQuote.afterEscape : ClosingQuote.none
    if (!isEscaped) return quote
    at = quote + 1
  }
}

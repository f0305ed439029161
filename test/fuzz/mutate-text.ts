import type { Random } from './random.ts'

/** What means something to many readers, or is at the edge of what they can hold. */
const oddWords = [
  ...[
    '',
    ' ',
    '\n',
    '\r\n',
    '\t',
    '\0',
    '"',
    "'",
    '\\',
    '\\"',
    '\\u',
    '\\ud83d',
    '\\u0000',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
  ],
  ...['0', '-0', '-1', '1.5', '1e308', '1e400', '-1e400', '1e-400', '9007199254740993', '18446744073709551616'],
  ...['2147483648', '4294967296', 'NaN', 'Infinity', '+Inf', '0x10', '1_000', '00'],
  ...['null', '~', 'true', 'yes', 'undefined', '__proto__', 'constructor', 'toString', 'length'],
  ...['\ufeff', '\u2028', '\u200b', '\u202e', '\ud800', '😀', 'é', 'e\u0301', '\x7f', '\x85', '\xff', '\u212a'],
]

export type Mutation = {
  /** Words of the language. */
  readonly words?: readonly string[]
  /** Other texts, whose parts may be spliced in. */
  readonly others?: readonly string[]
  /** What is longer is cut off; where reading takes long, a bound keeps cases many. */
  readonly maxChars?: number
}

/** A few changes of a text: parts lost, doubled, moved, taken from elsewhere; words that mean something; very deep, long, large. */
export function mutateText(
  text: string,
  random: Random,
  { words = [], others = [], maxChars = 200_000 }: Mutation = {},
): string {
  let changed = text
  const word = () => random.pick(words.length > 0 && random.chance(0.5) ? words : oddWords)
  for (let left = 1 + random.below(random.pick([1, 3, 6])); left > 0; left--) {
    const at = random.below(changed.length + 1)
    const length = 1 + random.below(random.pick([1, 4, 16, 100]))
    const before = changed.slice(0, at)
    const after = changed.slice(at)
    switch (random.below(11)) {
      case 0:
        changed = before + after.slice(length)
        break
      case 1:
        changed = before + word() + after
        break
      case 2:
        changed = before + word() + after.slice(length)
        break
      case 3: {
        const from = random.below(changed.length + 1)
        changed = before + changed.slice(from, from + length) + after
        break
      }
      case 4:
        changed = before + String.fromCharCode((changed.charCodeAt(at) || 0) ^ (1 << random.below(8))) + after.slice(1)
        break
      case 5:
        if (random.chance(0.3)) changed = before
        break
      case 6: {
        const other = others.length > 0 ? random.pick(others) : changed
        const from = random.below(other.length + 1)
        changed = before + (random.chance(0.5) ? other.slice(from) : other.slice(from, from + length) + after)
        break
      }
      case 7:
        changed =
          before +
          changed.slice(at, at + length).repeat(random.chance(0.02) ? 20_000 : random.pick([2, 3, 20, 600])) +
          after
        break
      case 8:
        // A line twice, or out of its place: keys that come again, blocks that go elsewhere.
        changed = withLine(changed, random)
        break
      case 9:
        changed = withToken(changed, at, /-?\d[\d.eE+-]*/g, word())
        break
      case 10:
        changed = withToken(changed, at, /"(?:[^"\\]|\\.)*"|[A-Za-z_][\w./-]*/g, word())
    }
    if (changed.length > maxChars) changed = changed.slice(0, maxChars)
  }
  return changed
}

function withLine(text: string, random: Random): string {
  const lines = text.split('\n')
  const line = random.pick(lines)
  lines.splice(random.below(lines.length + 1), random.below(2), line)
  return lines.join('\n')
}

/** The text with another word in place of the first token from `at` on. */
function withToken(text: string, at: number, token: RegExp, word: string): string {
  token.lastIndex = at
  const found = token.exec(text)
  if (found === null) return text
  return text.slice(0, found.index) + word + text.slice(found.index + found[0].length)
}

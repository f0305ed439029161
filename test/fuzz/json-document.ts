import fc from 'fast-check'
import type { Random } from './random.ts'

/** A JSON document as it can be written: keys in any order and more than once, numbers with their digits. */
export type JsonNode =
  | { readonly kind: 'object'; readonly members: readonly JsonMember[] }
  | { readonly kind: 'array'; readonly elements: readonly JsonNode[] }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'bare'; readonly written: string }
export type JsonMember = readonly [key: string, value: JsonNode]

/** Characters that are something else outside of a string, that must be escaped, or that are many bytes. */
const trickyCharacters = [...'"\\/{}[]:,u0nt \b\f\n\r\t\x00\x1f\x7fé€😀\u2028\ufeff', '\ud83d', '\ude00']

const trickyText = fc.string({ unit: fc.constantFrom(...trickyCharacters), maxLength: 12 })
const text = fc.oneof(
  { weight: 3, arbitrary: trickyText },
  { weight: 1, arbitrary: fc.tuple(fc.nat({ max: 140 }), trickyText).map(([length, end]) => 'x'.repeat(length) + end) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ minLength: 60, maxLength: 200 }) },
  { weight: 1, arbitrary: fc.constantFrom('model', 'gpt-4o', 'org/model:lora', '{"model":"no"}', '\\', '\\"', '') },
)

const bare = fc.oneof(
  fc.constantFrom('true', 'false', 'null'),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.constantFrom('-0', '0e0', '1E+5', '1.5e-3', '0.10', '9007199254740993', '1e400', '-1e-400', '1'.repeat(40)),
)

const { node } = fc.letrec<{ node: JsonNode; object: JsonNode; array: JsonNode }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    bare.map((written): JsonNode => ({ kind: 'bare', written })),
    text.map((text): JsonNode => ({ kind: 'string', text })),
    tie('array'),
    tie('object'),
  ),
  array: fc.array(tie('node'), { maxLength: 5 }).map((elements): JsonNode => ({ kind: 'array', elements })),
  object: fc
    .array(fc.tuple(fc.oneof(fc.constantFrom('model', 'user', 'content'), text), tie('node')), { maxLength: 5 })
    .map((members): JsonNode => ({ kind: 'object', members })),
}))

const string = text.map((text): JsonNode => ({ kind: 'string', text }))
const literal = fc.constantFrom('true', 'true', 'false', 'null').map((written): JsonNode => ({ kind: 'bare', written }))
const limitKeys = ['max_tokens', 'max_completion_tokens', 'max_output_tokens']
const promptKeys = ['messages', 'prompt', 'input']
const otherKeys = ['Model', 'models', 'mode', '__proto__']
const member = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('model'), string) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('model'), node) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('user', 'prompt_cache_key'), fc.oneof(string, string, node)) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('stream'), fc.oneof(literal, literal, node)) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom(...limitKeys), node) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...promptKeys), node) },
  { weight: 4, arbitrary: fc.tuple(fc.oneof(fc.constantFrom(...otherKeys), text), node) },
)

/** Request bodies: mostly objects with the keys that routing looks for, in any order, often more than once. */
export const jsonDocument: fc.Arbitrary<JsonNode> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.array(member, { maxLength: 8 }).map((members): JsonNode => ({ kind: 'object', members })),
  },
  { weight: 1, arbitrary: node },
)

const shortEscapes = new Map([...'"\\/'].map((character) => [character, `\\${character}`]))
for (const [character, letter] of ['\bb', '\ff', '\nn', '\rr', '\tt']) shortEscapes.set(character, `\\${letter}`)

/** Writes a document with white space where it may be and escapes where they may be, both by chance. */
export function writeJson(document: JsonNode, random: Random): Buffer {
  const parts: string[] = []
  const escapes = random.pick([0, 0.1, 0.9])
  const spaces = random.pick([0, 0.1, 0.6])
  const space = () => {
    while (random.chance(spaces)) parts.push(random.pick([' ', '\n', '\r\n', '\t', '        ']))
  }
  const string = (text: string) => {
    parts.push('"')
    // By code point, so that a pair of surrogates is one character and what is left of them has no other half.
    for (const character of text) {
      const mustEscape = /["\\\x00-\x1f]|[\ud800-\udfff]/u.test(character)
      if (!mustEscape && !random.chance(escapes)) parts.push(character)
      else parts.push(writeEscape(character, random))
    }
    parts.push('"')
  }
  const value = (node: JsonNode) => {
    space()
    switch (node.kind) {
      case 'object':
        parts.push('{')
        for (const [index, [key, memberValue]] of node.members.entries()) {
          if (index > 0) parts.push(',')
          space()
          string(key)
          space()
          parts.push(':')
          value(memberValue)
        }
        space()
        parts.push('}')
        break
      case 'array':
        parts.push('[')
        for (const [index, element] of node.elements.entries()) {
          if (index > 0) parts.push(',')
          value(element)
        }
        space()
        parts.push(']')
        break
      case 'string':
        string(node.text)
        break
      case 'bare':
        parts.push(node.written)
    }
    space()
  }
  value(document)
  return Buffer.from(parts.join(''))
}

function writeEscape(character: string, random: Random): string {
  const short = shortEscapes.get(character)
  if (short !== undefined && random.chance(0.5)) return short
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
  return units
    .map((unit) => {
      const digits = unit.toString(16).padStart(4, '0')
      return `\\u${random.chance(0.5) ? digits : digits.toUpperCase()}`
    })
    .join('')
}

/** Bytes that damage JSON in interesting ways. */
export const jsonAlphabet = Buffer.from('"\\{}[]:,-+.0123456789eEtrufalsn \n\x00\x1f\x7f"\\"\\{}[]é€😀\ufeff')

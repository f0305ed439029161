import fc from 'fast-check'
import type { Usage } from '../../src/scheduling/plugin.ts'
import type { Random } from '../fuzz/random.ts'
import { asked, served } from './reading.ts'

/** A JSON value whose members keep their order and may repeat. */
export type Value = string | number | boolean | null | readonly Value[] | Members
export type Members = { readonly members: readonly (readonly [key: string, value: Value])[] }

const isMembers = (value: Value): value is Members => typeof value === 'object' && value !== null && 'members' in value

/** The value of the last member of this name, as JSON.parse has it. */
function last(value: Value | undefined, key: string): Value | undefined {
  if (value === undefined || !isMembers(value)) return undefined
  return value.members.findLast(([name]) => name === key)?.[1]
}

const placeKeys = ['usage', 'choices', 'response', 'message', 'meta_info', 'delta', 'prompt_tokens_details', 'model']
const numberKeys = [
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
]
const contentKeys = ['content', 'text', 'finish_reason', 'status', 'type', 'stop_reason', 'tool_calls', 'data']
const otherKeys = ['', 'id', 'models', 'us\\age', 'x'.repeat(70), '__proto__', 'é"']
const texts = [
  served,
  `${served} `,
  served.slice(0, -1),
  '',
  '\\',
  '"',
  'a\\"b',
  `{"model":"${served}"}`,
  'y'.repeat(150),
  'é😀',
  'data: {"usage":{}}',
]

const scalar: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom<Value>(...texts, null, true, false),
  fc.nat({ max: 3000 }),
  fc.constantFrom<Value>(0, -1, 1.5, 1e21),
)
const key = fc.constantFrom(...placeKeys, ...numberKeys, ...contentKeys, ...otherKeys)
const { value } = fc.letrec<{ value: Value; object: Value; array: Value }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, scalar, tie('object'), tie('array')),
  object: fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((members): Value => ({ members })),
  array: fc.array(tie('value'), { maxLength: 4 }),
}))

const number = fc.oneof({ weight: 5, arbitrary: fc.nat({ max: 3000 }) }, { weight: 1, arbitrary: value })
const details = fc
  .array(fc.tuple(fc.constantFrom('cached_tokens', 'audio_tokens'), number), { maxLength: 3 })
  .map((members): Value => ({ members }))
const usage = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.tuple(fc.constantFrom(...numberKeys), number) },
      fc.tuple(
        fc.constantFrom('prompt_tokens_details', 'prompt_token_details', 'input_tokens_details'),
        fc.oneof(details, value),
      ),
    ),
    { maxLength: 6 },
  )
  .map((members): Value => ({ members }))
const model = fc.oneof({ weight: 3, arbitrary: fc.constant<Value>(served) }, { weight: 1, arbitrary: value })

/** Documents with the keys that matter, in any order, often more than once, mostly where they matter. */
export const document: fc.Arbitrary<Value> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .array(
        fc.oneof(
          { weight: 3, arbitrary: fc.tuple(fc.constant('model'), model) },
          { weight: 3, arbitrary: fc.tuple(fc.constant('usage'), fc.oneof(usage, usage, value)) },
          { weight: 4, arbitrary: fc.tuple(key, value) },
        ),
        { maxLength: 7 },
      )
      .map((members): Value => ({ members })),
  },
  { weight: 1, arbitrary: value.filter((value) => !Array.isArray(value)) },
)

/**
 * A document as it is written, with white space and escapes by chance, and as it is to be sent.
 * @param spaces the white space that may be between tokens
 */
export function write(document: Value, random: Random, spaces: readonly string[]): { given: string; sent: string } {
  let given = ''
  let sent = ''
  const put = (text: string, restored = text) => {
    given += text
    sent += restored
  }
  const share = random.pick([0, 0, 0.2])
  const space = () => {
    while (random.chance(share)) put(random.pick(spaces))
  }
  const quoted = (text: string) => {
    const plain = JSON.stringify(text)
    if (!random.chance(share / 2)) return plain
    const at = 1 + random.below(Math.max(1, plain.length - 2))
    if (!/[a-z./]/.test(plain[at]) || plain.includes('\\')) return plain
    return `${plain.slice(0, at)}\\u${plain.charCodeAt(at).toString(16).padStart(4, '0')}${plain.slice(at + 1)}`
  }
  const writeValue = (value: Value, path: readonly string[]) => {
    space()
    if (isMembers(value)) {
      put('{')
      for (const [index, [key, member]] of value.members.entries()) {
        if (index > 0) put(',')
        space()
        put(quoted(key))
        space()
        put(':')
        space()
        const where = [...path, key].join('.')
        const isModel = where === 'model' || where === 'response.model' || where === 'message.model'
        if (isModel && member === served) put(quoted(served), JSON.stringify(asked))
        else writeValue(member, [...path, key])
        space()
      }
      put('}')
    } else if (Array.isArray(value)) {
      put('[')
      for (const [index, element] of value.entries()) {
        if (index > 0) put(',')
        writeValue(element, [...path, '[]'])
      }
      put(']')
    } else if (typeof value === 'string') put(quoted(value))
    else put(JSON.stringify(value))
    space()
  }
  writeValue(document, [])
  return { given, sent }
}

const count = (value: Value | undefined): number | undefined =>
  typeof value === 'number' && value >= 0 ? value : undefined

/** The numbers that a document tells; the `usage` that ends last counts, as only one of them is ever there. */
function numbersOf(document: Value): Record<string, number> {
  const found: Record<string, number> = {}
  const take = (name: string, value: Value | undefined) => {
    const number = count(value)
    if (number === undefined) delete found[name]
    else found[name] = number
  }
  const takeUsage = (usage: Value) => {
    for (const name of Object.keys(found)) delete found[name]
    for (const key of numberKeys) {
      const number = count(last(usage, key))
      if (number !== undefined) found[key] = number
    }
    for (const key of ['prompt_tokens_details', 'prompt_token_details', 'input_tokens_details']) {
      const number = count(last(last(usage, key), 'cached_tokens'))
      if (number !== undefined) found[`${key}.cached_tokens`] = number
    }
  }
  if (!isMembers(document)) return found
  for (const [key, value] of document.members) {
    if (key === 'usage') takeUsage(value)
    else if ((key === 'response' || key === 'message') && isMembers(value)) {
      for (const [inner, innerValue] of value.members) if (inner === 'usage') takeUsage(innerValue)
    } else if (key === 'meta_info' && isMembers(value)) {
      for (const [inner, innerValue] of value.members) {
        if (['prompt_tokens', 'completion_tokens', 'cached_tokens'].includes(inner)) take(inner, innerValue)
      }
    }
  }
  return found
}

/** What a body of these documents says of its usage. */
export function usageOfAll(documents: readonly Value[]): Usage | undefined {
  const numbers: Record<string, number> = {}
  for (const document of documents) Object.assign(numbers, numbersOf(document))
  const promptTokens = numbers.prompt_tokens ?? numbers.input_tokens
  const completionTokens = numbers.completion_tokens ?? numbers.output_tokens
  const cachedTokens =
    numbers['prompt_tokens_details.cached_tokens'] ??
    numbers['prompt_token_details.cached_tokens'] ??
    numbers['input_tokens_details.cached_tokens'] ??
    numbers.cached_tokens
  const sum = promptTokens === undefined || completionTokens === undefined ? undefined : promptTokens + completionTokens
  const totalTokens = numbers.total_tokens ?? sum
  if ((promptTokens ?? completionTokens ?? cachedTokens ?? totalTokens) === undefined) return undefined
  return { promptTokens, completionTokens, cachedTokens, totalTokens }
}

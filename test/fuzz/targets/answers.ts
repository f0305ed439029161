import { deepEqual, equal, ok } from 'node:assert/strict'
import { document, usageOfAll, type Value, write } from '../../response/oracle.ts'
import { asked, eventStream, json, readPieces, restore, served } from '../../response/reading.ts'
import { mutateText } from '../mutate-text.ts'
import { byteByByte, randomPieces, wholly } from '../pieces.ts'
import { seededRandom } from '../random.ts'
import { anyOf } from '../random-of.ts'
import { type BytesCase, defineTarget, toBytes, toText } from '../target.ts'

type AnswerCase = BytesCase & { readonly isStream: boolean }

const words = [
  ...['data:', 'data: ', 'data: [DONE]', '\ndata:', '\r\rdata:', '\n\n', ': ', 'event: message\n', 'id: 1\n', 'data\n'],
  ...['"usage":', '"usage":{"prompt_tokens":3,"completion_tokens":4}', '"total_tokens":7', '"choices":[{"delta":{}}]'],
  ...['"model":', `"model":"${served}"`, `"${served}"`, '"response":{"model":', '"message":{', '"meta_info":{', '[[[{'],
  ...[
    '"prompt_tokens_details":{"cached_tokens":2}',
    '"finish_reason":"stop"',
    '"content":"x"',
    '"type":"message_stop"',
  ],
]

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Strings are not judged but for where they end. */
const withoutStrings = (text: string): string => text.replaceAll(/"(?:[^"\\]|\\.)*"/gs, '""')

/** Names that are written with escapes are restored, too, and come back without. */
const withoutEscapes = (text: string): string =>
  text.replaceAll(/\\u00([2-7][0-9a-f])/gi, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)))

export const answers = defineTarget<AnswerCase>({
  name: 'answers',
  promise: 'JSON and event streams pass byte for byte but for restored names, and are read the same in any pieces',

  generate(random) {
    const isStream = random.chance(0.7)
    const documents = Array.from({ length: isStream ? random.below(4) : 1 }, () => anyOf(document, random))
    const lineEnd = random.pick(['\n', '\n', '\r\n', '\r'])
    const texts = documents.map((each) => write(each, random, [' ', '\t']).given)
    const text = isStream
      ? [...texts, '[DONE]'].map((text) => `data: ${text}${lineEnd}${lineEnd}`).join('')
      : texts.join('')
    const bytes = Buffer.from(random.chance(0.1) ? text : mutateText(text, random, { words, others: texts }))
    return { bytes: toText(bytes), cut: random.below(2 ** 31), isStream }
  },

  check({ bytes, cut, isStream }) {
    const body = toBytes(bytes)
    const random = seededRandom(cut)
    const options = isStream ? eventStream : json
    equal(readPieces(randomPieces(body, random), options).body, bytes)

    const whole = readPieces(wholly(body), { ...options, restore })
    const others = [randomPieces(body, random)]
    if (body.length < 2000) others.push(byteByByte(body))
    for (const pieces of others) {
      const { body, found } = readPieces(pieces, { ...options, restore })
      equal(body, whole.body)
      deepEqual(found, whole.found)
    }
    equal(whole.found.lengthChange, whole.body.length - bytes.length)
    const back = whole.body.replaceAll(JSON.stringify(asked), JSON.stringify(served))
    equal(withoutEscapes(back), withoutEscapes(bytes))

    const { usage } = whole.found
    for (const count of Object.values(usage ?? {})) ok(count === undefined || (Number.isFinite(count) && count >= 0))
    if (isStream) {
      const documents = dataOf(body.toString())
      if (documents !== undefined && !hasHugeNumbers(bytes)) deepEqual(usage, usageOfAll(documents.map(asValue)))
      return
    }
    equal(whole.found.finished, isJson(withoutStrings(bytes)), 'finished')
    if (!whole.found.finished) equal(usage, undefined)
    else if (isJson(bytes) && !hasEscapes(bytes) && !hasHugeNumbers(bytes))
      deepEqual(usage, usageOfAll([asValue(JSON.parse(bytes))]))
  },
})

/** Keys may be written with escapes, which readers need not undo. */
const hasEscapes = (text: string): boolean => text.includes('\\')

/** No counts of tokens, which JSON.parse reads all the same. */
const hasHugeNumbers = (text: string): boolean => /\d{20}|\d[eE]\+?\d{3}/.test(text)

/** The JSON of a stream of events as the HTML standard cuts it, but for `[DONE]`; undefined where something in it is no JSON. */
function dataOf(text: string): unknown[] | undefined {
  if (hasEscapes(text) || text.includes('\ufeff') || !/(\r\n|\n|\r)\1$/.test(text)) return undefined
  const events = [[]] as string[][]
  for (const line of text.split(/\r\n|\n|\r/)) {
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line)!
    if (line === '') events.push([])
    else if (field === 'data') events.at(-1)!.push(value)
  }
  const data = events.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'))
  try {
    return data.filter((each) => each !== '[DONE]' && each !== '').map((each) => JSON.parse(each))
  } catch {
    return undefined
  }
}

/** As the oracle takes it. Of keys that come again JSON.parse keeps the last value, at the place of the first. */
function asValue(value: unknown): Value {
  if (Array.isArray(value)) return value.map(asValue)
  if (typeof value !== 'object' || value === null) return value as Value
  return { members: Object.entries(value).map(([key, member]) => [key, asValue(member)] as const) }
}

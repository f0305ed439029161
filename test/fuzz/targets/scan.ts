import { deepEqual, equal, ok } from 'node:assert/strict'
import { maxKeyRepeats } from '../../../src/request/limits.ts'
import { BodyScanner } from '../../../src/request/scan.ts'
import { renamed } from '../../request/bodies/read-body.ts'
import { jsonAlphabet, jsonDocument, writeJson } from '../json-document.ts'
import { hasByteOrderMark, walkJson } from '../json-walk.ts'
import { mutate, randomBytes } from '../mutate.ts'
import { mutateText } from '../mutate-text.ts'
import { randomPieces } from '../pieces.ts'
import { seededRandom } from '../random.ts'
import { anyOf } from '../random-of.ts'
import { scanPieces } from '../scan-pieces.ts'
import { strictTokens } from '../strict-tokens.ts'
import { type BytesCase, defineTarget, toBytes, toText } from '../target.ts'

const words = [
  ...['"model":', '"model":"a"', '"mod\\u0065l":"b"', '"model":null', ',"model":"c"', '"user":"u"', '"stream":true'],
  ...[
    '"messages":[{"role":"user","content":"hi"}]',
    '"prompt":"p"',
    '"max_tokens":1',
    '"content":[{"type":"image_url"',
  ],
  ...['[[[[', '{"a":', '{"model":', ']]]]', '}}}}', '"tools":[]', '"cache_salt":"s"', '"prompt_cache_key":"k"'],
]

/** JSON.parse's value, wrapped; undefined where it is not JSON. A byte order mark is passed over, as by the scanner. */
function parse(body: Buffer): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse((hasByteOrderMark(body) ? body.subarray(3) : body).toString()) }
  } catch {
    return undefined
  }
}

const isRepetitive = (body: Buffer): boolean =>
  [...body.toString().matchAll(/"(?:system|instructions|tools|[^"]*\\[^"]*)"/g)].length > maxKeyRepeats

export const scan = defineTarget<BytesCase>({
  name: 'scan',
  promise:
    'request bodies are judged as JSON.parse and stream-json do, the same in any pieces; a rename is all that changes',

  generate(random) {
    const written = writeJson(anyOf(jsonDocument, random), random)
    const cut = random.below(2 ** 31)
    switch (random.below(8)) {
      case 0:
        return { bytes: toText(written), cut }
      case 1:
        return { bytes: toText(randomBytes(random.below(40), random, jsonAlphabet)), cut }
      case 2:
      case 3:
      case 4:
        return { bytes: toText(mutate(written, random, jsonAlphabet)), cut }
      default:
        return { bytes: toText(Buffer.from(mutateText(written.toString(), random, { words }))), cut }
    }
  },

  check({ bytes, cut }) {
    const body = toBytes(bytes)
    const random = seededRandom(cut)
    const { scan: expected, stringDefects } = walkJson(body)
    const { error, ...found } = scanPieces(randomPieces(body, random))
    deepEqual({ ...found, error: error && { code: error.code, offset: error.offset } }, expected)

    const strict = parse(body)
    if (expected.error === undefined) equal(strict === undefined, stringDefects.length > 0)
    else if (expected.error.code === 'invalid_json' && strict !== undefined) {
      // Of valid JSON only the model's own value can be at fault, bytes or escapes that are no text; or a key comes too often.
      const isModel = expected.modelSpans.length > 0 && expected.model === undefined
      ok(isModel || isRepetitive(body), 'valid JSON is refused')
    }
    if (random.chance(0.1)) {
      let isRead = true
      try {
        strictTokens(randomPieces(hasByteOrderMark(body) ? body.subarray(3) : body, random))
      } catch {
        isRead = false
      }
      equal(isRead, strict !== undefined)
    }

    // Whatever a server takes for the model, first or last, is the one that was decided.
    if (expected.error !== undefined || expected.model === undefined || strict === undefined) return
    const sent = parse(renamed(new BodyScanner(), randomPieces(body, random), 'the "new" one'))
    const wanted = { ...(strict.value as object), model: 'the "new" one' }
    deepEqual(withoutModelLikes(sent?.value), withoutModelLikes(wanted))
  },
})

/** Without keys such as `Model`, whose values change after a model and stay before one. */
const withoutModelLikes = (value: unknown): object =>
  Object.fromEntries(
    Object.entries(value as object).filter(([key]) => key === 'model' || key.toLowerCase() !== 'model'),
  )

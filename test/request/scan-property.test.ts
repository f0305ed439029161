import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type JsonNode, jsonAlphabet, jsonDocument, writeJson } from '../fuzz/json-document.ts'
import { hasByteOrderMark, type Scan, walkJson } from '../fuzz/json-walk.ts'
import { mutate, randomBytes } from '../fuzz/mutate.ts'
import { byteByByte, cutAt, randomPieces, wholly } from '../fuzz/pieces.ts'
import { fuzzRuns, fuzzTimeoutMs, seededRandom } from '../fuzz/random.ts'
import { type Findings, scanPieces } from '../fuzz/scan-pieces.ts'
import { strictTokens } from '../fuzz/strict-tokens.ts'

/** What the tree that a document was written from holds for the scanner. */
function expectationOf(document: JsonNode) {
  const members = document.kind === 'object' ? document.members : []
  const last = (key: string) => members.findLast(([name]) => name === key)?.[1]
  const first = members.findIndex(([key]) => key === 'model')
  const models = members
    .filter(([key], index) => first >= 0 && index >= first && key.toLowerCase() === 'model')
    .map(([, value]) => value)
  const textOf = (node: JsonNode | undefined) =>
    node?.kind === 'string' && node.text.isWellFormed() ? node.text : undefined
  const stream = last('stream')
  const limits = members
    .filter(([key, value]) => /^max_(|completion_|output_)tokens$/.test(key) && value.kind === 'bare')
    .map(([, value]) => (value.kind === 'bare' ? Number(value.written) : Number.NaN))
    .filter(Number.isFinite)
  return {
    models,
    user: textOf(last('user')),
    promptCacheKey: textOf(last('prompt_cache_key')),
    stream: stream?.kind === 'bare' && stream.written === 'true',
    maxTokens: limits.at(-1),
    prompt: members.find(([key]) => key === 'messages' || key === 'prompt' || key === 'input')?.[1],
  }
}

const toValue = (node: JsonNode): unknown => JSON.parse(writeJson(node, seededRandom(0)).toString())

/** The first top-level model in the token stream: its value, or the name of the token that it begins with. */
function firstModel(tokens: ReturnType<typeof strictTokens>): { value: string } | { begins: string } | undefined {
  let depth = 0
  for (const [index, token] of tokens.entries()) {
    if (token.name === 'startObject' || token.name === 'startArray') depth++
    else if (token.name === 'endObject' || token.name === 'endArray') depth--
    else if (depth === 1 && token.name === 'keyValue' && token.value === 'model') {
      const next = tokens[index + 1]
      return next.name === 'stringValue' ? { value: next.value } : { begins: next.name }
    }
  }
  return undefined
}

const attempt = <T>(parse: () => T): { result: T } | undefined => {
  try {
    return { result: parse() }
  } catch {
    return undefined
  }
}

const isOtherModel = (key: string): boolean => key !== 'model' && key.toLowerCase() === 'model'

const isGoodModel = (model: string): boolean => model.isWellFormed() && !/[\x00-\x1f\x7f]/.test(model)

/** The scanner passes over a byte order mark; the oracles are not asked to. */
const withoutMark = (body: Buffer): Buffer => (hasByteOrderMark(body) ? body.subarray(3) : body)

const withoutMessage = ({ error, ...rest }: Findings): Scan => ({
  ...rest,
  error: error && { code: error.code, offset: error.offset },
})

describe('every document', () => {
  test('is read as it was written', { timeout: fuzzTimeoutMs }, () => {
    fc.assert(
      fc.property(jsonDocument, fc.nat(), fc.boolean(), (document, seed, hasMark) => {
        const random = seededRandom(seed)
        const written = writeJson(document, random)
        const body = hasMark ? Buffer.concat([Buffer.from('\ufeff'), written]) : written
        const expected = expectationOf(document)
        const found = scanPieces(randomPieces(body, random))
        const first = expected.models.at(0)

        if (first !== undefined && (first.kind !== 'string' || !isGoodModel(first.text))) {
          expect(found.model).toBeUndefined()
          expect(found.error).toBeDefined()
          return
        }
        expect(found.error).toBeUndefined()
        expect(found.model).toBe(first?.text)
        expect(found.stream).toBe(expected.stream)
        expect(found.user).toBe(expected.user)
        expect(found.promptCacheKey).toBe(expected.promptCacheKey)
        expect(found.maxTokens).toBe(expected.maxTokens)

        expect(found.modelSpans.length).toBe(2 * expected.models.length)
        for (const [index, model] of expected.models.entries()) {
          const value = body.subarray(found.modelSpans[2 * index], found.modelSpans[2 * index + 1]).toString()
          expect(value).toBe(value.trim())
          expect(JSON.parse(value)).toEqual(toValue(model))
        }
        const prompt = found.promptStart < 0 ? undefined : body.subarray(found.promptStart, found.promptEnd).toString()
        expect(prompt).toBe(prompt?.trim())
        expect(prompt && JSON.parse(prompt)).toEqual(expected.prompt && toValue(expected.prompt))
      }),
      { numRuns: fuzzRuns },
    )
  })

  test('is read as JSON.parse and stream-json read it', { timeout: fuzzTimeoutMs }, () => {
    fc.assert(
      fc.property(jsonDocument, fc.nat(), (document, seed) => {
        const random = seededRandom(seed)
        const body = writeJson(document, random)
        const parsed: unknown = JSON.parse(body.toString())
        const first = firstModel(strictTokens(randomPieces(body, random)))
        const found = scanPieces(randomPieces(body, random))

        if (first !== undefined && !('value' in first && isGoodModel(first.value))) {
          expect(found.error).toBeDefined()
          return
        }
        expect(found.error).toBeUndefined()
        expect(found.model).toBe(first?.value)
        const last = (key: string) =>
          parsed !== null && typeof parsed === 'object'
            ? Object.getOwnPropertyDescriptor(parsed, key)?.value
            : undefined
        expect(found.stream).toBe(last('stream') === true)
        const text = (key: string) => {
          const value = last(key)
          return typeof value === 'string' && value.isWellFormed() ? value : undefined
        }
        expect(found.user).toBe(text('user'))
        expect(found.promptCacheKey).toBe(text('prompt_cache_key'))
        // Of several models JSON.parse keeps the last: the last span, where all are written alike.
        if (found.modelSpans.length > 0 && !Object.keys(parsed as object).some(isOtherModel)) {
          expect(JSON.parse(body.subarray(...found.modelSpans.slice(-2)).toString())).toEqual(last('model'))
        }
      }),
      { numRuns: fuzzRuns },
    )
  })
})

describe('every body, damaged or not JSON at all', () => {
  const damagedBody = fc.tuple(jsonDocument, fc.nat()).map(([document, seed]) => {
    const random = seededRandom(seed)
    const noise = random.chance(0.05)
    const body = noise
      ? randomBytes(random.below(12), random, jsonAlphabet)
      : mutate(writeJson(document, random), random, jsonAlphabet)
    return { body, random }
  })

  test('is judged as JSON.parse and stream-json judge it, but for the content of strings that nobody asks for', {
    timeout: fuzzTimeoutMs,
  }, () => {
    fc.assert(
      fc.property(damagedBody, ({ body, random }) => {
        const { scan: expected, stringDefects } = walkJson(body)
        expect(withoutMessage(scanPieces(randomPieces(body, random)))).toEqual(expected)

        const strict = attempt(() => JSON.parse(withoutMark(body).toString()))
        const tokens = attempt(() => strictTokens(randomPieces(withoutMark(body), random)))
        expect(tokens === undefined).toBe(strict === undefined)

        // The walk that the scanner was compared with is itself held to the oracles: it accepts what they accept and,
        // beside that, documents whose only defects lie in strings.
        if (expected.error === undefined) expect(strict === undefined).toBe(stringDefects.length > 0)
        else if (tokens !== undefined) {
          const first = firstModel(tokens.result)
          const isRefusedModel = first !== undefined && !('value' in first && isGoodModel(first.value) && isUtf8(body))
          expect(isRefusedModel).toBe(true)
        }
        if (expected.error === undefined && tokens !== undefined) {
          expect(firstModel(tokens.result)).toEqual(
            expected.model === undefined ? undefined : { value: expected.model },
          )
        }
      }),
      { numRuns: fuzzRuns },
    )
  })

  test('is judged the same in any pieces', { timeout: fuzzTimeoutMs }, () => {
    fc.assert(
      fc.property(damagedBody, ({ body, random }) => {
        const whole = scanPieces(wholly(body))
        expect(scanPieces(byteByByte(body))).toEqual(whole)
        expect(scanPieces(randomPieces(body, random))).toEqual(whole)
        expect(scanPieces(cutAt(body, [random.below(body.length + 1)]))).toEqual(whole)
      }),
      { numRuns: fuzzRuns },
    )
  })
})

import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { maxJsonDepth, maxModelBytes } from '../../src/request/limits.ts'
import { BodyScanner } from '../../src/request/scan.ts'
import { type JsonNode, jsonAlphabet, jsonDocument, writeJson } from '../fuzz/json-document.ts'
import { hasByteOrderMark, type Scan, walkJson } from '../fuzz/json-walk.ts'
import { mutate, randomBytes } from '../fuzz/mutate.ts'
import { atEverySplit, byteByByte, cutAt, randomPieces, wholly } from '../fuzz/pieces.ts'
import { fuzzRuns, fuzzTimeoutMs, seededRandom } from '../fuzz/random.ts'
import { strictTokens } from '../fuzz/strict-tokens.ts'

function snapshot(scanner: BodyScanner) {
  const { model, user, stream, maxTokens, promptStart, promptEnd, modelSpans, error } = scanner
  return { model, user, stream, maxTokens, promptStart, promptEnd, modelSpans, error }
}

/** Scans the pieces, and overwrites each one as soon as it has been read: nothing of it may be needed later. */
function scan(pieces: readonly Buffer[]) {
  const scanner = new BodyScanner()
  for (const piece of pieces) {
    scanner.push(piece)
    piece.fill('#')
  }
  scanner.end()
  return snapshot(scanner)
}

function expectAtEverySplit(document: Buffer, expected: ReturnType<typeof scan>): void {
  expect(scan(wholly(document))).toEqual(expected)
  expect(scan(byteByByte(document))).toEqual(expected)
  for (const [offset, pieces] of atEverySplit(document).entries()) {
    expect(scan(pieces), `split at byte ${offset}`).toEqual(expected)
  }
}

/**
 * A document with marks in it: ⟨the value of a model⟩, «the prompt», and ✗ before the first wrong byte.
 * Returns it without them, and what they stand for.
 */
function readMarks(marked: string) {
  const parts: Buffer[] = []
  const marks = { promptStart: -1, promptEnd: -1, modelSpans: [] as number[], errorOffset: -1 }
  let bytes = 0
  for (const text of marked.split(/([⟨⟩«»✗])/)) {
    if (text === '⟨' || text === '⟩') marks.modelSpans.push(bytes)
    else if (text === '«') marks.promptStart = bytes
    else if (text === '»') marks.promptEnd = bytes
    else if (text === '✗') marks.errorOffset = bytes
    else {
      const part = Buffer.from(text)
      parts.push(part)
      bytes += part.length
    }
  }
  return { document: Buffer.concat(parts), ...marks }
}

type Golden = {
  name: string
  marked: string
  finds?: { model?: string; user?: string; stream?: boolean; maxTokens?: number }
  error?: { code: 'invalid_json' | 'model_invalid'; message: string }
}

const invalid = (message: string): NonNullable<Golden['error']> => ({ code: 'invalid_json', message })
const refused = (message: string): NonNullable<Golden['error']> => ({ code: 'model_invalid', message })
const nested = (levels: number, inside: string) => '['.repeat(levels) + inside + ']'.repeat(levels)

const golden: Golden[] = [
  {
    name: 'a chat request',
    marked:
      '{"model":⟨"gpt-4o"⟩,"messages":«[{"role":"user","content":"hi"}]»,"stream":true,"user":"u1","max_tokens":16}',
    finds: { model: 'gpt-4o', stream: true, user: 'u1', maxTokens: 16 },
  },
  {
    name: 'model last',
    marked: '{"messages":«[{"content":"a \\"model\\": \\\\"}]»,"model":⟨"m"⟩}',
    finds: { model: 'm' },
  },
  { name: 'escapes in the key', marked: '{"mod\\u0065l":⟨"m"⟩}', finds: { model: 'm' } },
  { name: 'a key all in escapes', marked: '{"\\u006D\\u006f\\u0064\\u0065\\u006C":⟨"m"⟩}', finds: { model: 'm' } },
  {
    name: 'escapes in the value',
    marked: '{"model":⟨"a\\/b\\u002Dc\\"\\\\\\ud83d\\ude00"⟩}',
    finds: { model: 'a/b-c"\\😀' },
  },
  {
    name: 'characters of several bytes',
    marked: '{"é":"€","model":⟨"é€😀"⟩,"user":"😀é"}',
    finds: { model: 'é€😀', user: '😀é' },
  },
  { name: 'a byte order mark', marked: '\ufeff{"model":⟨"m"⟩}', finds: { model: 'm' } },
  {
    name: 'white space wherever it may be',
    marked: ' \t\r\n{ "model"\n:\t⟨"m"⟩\r ,"prompt" : «[ 1 , { } , [ ] ]» , "stream" : true } \n',
    finds: { model: 'm', stream: true },
  },
  { name: 'a nested model', marked: '{"a":{"model":"no"},"b":[{"model":7}],"model":⟨"m"⟩}', finds: { model: 'm' } },
  { name: 'only a nested model', marked: '{"a":{"model":"no"}}' },
  {
    name: 'a model in strings',
    marked: '{"a":"\\"model\\":\\"no\\"","b":"model","model":⟨"m"⟩}',
    finds: { model: 'm' },
  },
  { name: 'keys that are almost model', marked: '{"Model":1,"models":2,"mode":3,"model ":4,"":5}' },
  { name: 'an array at the top', marked: '[{"model":"no"},"model",["model"]]' },
  { name: 'a string at the top', marked: '"model"' },
  { name: 'a number at the top', marked: '-12.5e+3' },
  { name: 'a literal at the top', marked: 'null' },
  { name: 'an empty object', marked: '{}' },
  {
    name: 'later models of every type',
    marked:
      '{"model":⟨"a"⟩,"model":⟨"b\\""⟩,"model": ⟨1⟩ ,"mod\\u0065l":⟨-0.5e1⟩,' +
      '"model":⟨true⟩,"model":⟨false⟩,"model":⟨null⟩,"model":⟨{"model":"x"}⟩,"model":⟨[["]"],{}]⟩ }',
    finds: { model: 'a' },
  },
  {
    name: 'later models that could not be the first',
    marked: '{"model":⟨"a"⟩,"model":⟨"\\u0000"⟩}',
    finds: { model: 'a' },
  },
  {
    name: 'the last of several users and streams',
    marked: '{"user":"a","user":"b","stream":true,"stream":false,"model":⟨"m"⟩,"stream":true}',
    finds: { model: 'm', user: 'b', stream: true },
  },
  {
    name: 'a user and stream that turn into something else',
    marked: '{"user":"a","user":{},"stream":true,"stream":"true"}',
  },
  { name: 'the first prompt of several', marked: '{"input":«"é"»,"prompt":"b","messages":[]}' },
  { name: 'a prompt of token ids', marked: '{"prompt":«[[1,2],[3]]»,"max_tokens":1}', finds: { maxTokens: 1 } },
  { name: 'a prompt that is a number', marked: '{"prompt":«12»}' },
  {
    name: 'the last number of the token limits',
    marked:
      '{"max_tokens":1,"max_completion_tokens":2e1,"max_output_tokens":30,"max_tokens":null,"max_tokens":"5","max_tokens":[6]}',
    finds: { maxTokens: 30 },
  },
  {
    name: 'numbers beyond 2^53',
    marked: '{"seed":9007199254740993123,"max_tokens":9007199254740993}',
    finds: { maxTokens: 2 ** 53 },
  },
  { name: 'a number beyond all', marked: '{"max_tokens":1e400}' },
  { name: 'a number of 1024 digits', marked: `{"max_tokens":0.${'0'.repeat(1016)}1e1017}`, finds: { maxTokens: 1 } },
  { name: 'a number of more', marked: `{"max_tokens":0.${'0'.repeat(1017)}1e1018}` },
  { name: 'a user of 1024 bytes', marked: `{"user":"${'u'.repeat(1024)}"}`, finds: { user: 'u'.repeat(1024) } },
  { name: 'a user of more', marked: `{"user":"a","user":"${'u'.repeat(1025)}"}` },
  { name: 'a user with half a character', marked: '{"user":"\\ud83d"}' },
  { name: 'a model of 1024 bytes', marked: `{"model":⟨"${'m'.repeat(1024)}"⟩}`, finds: { model: 'm'.repeat(1024) } },
  { name: 'a key of more', marked: `{"${'k'.repeat(1100)}":1,"model":⟨"m"⟩}`, finds: { model: 'm' } },
  { name: 'as deep as may be', marked: nested(maxJsonDepth, '') },
  { name: 'bad escapes and control characters that nobody asks for', marked: '{"a\\x":"\n\\u12","user":"\\x"}' },

  { name: 'an empty body', marked: '✗', error: invalid('the body is empty') },
  { name: 'a body of white space', marked: ' \n✗', error: invalid('the body is empty') },
  { name: 'only a byte order mark', marked: '\ufeff✗', error: invalid('the body is empty') },
  { name: 'two byte order marks', marked: '\ufeff✗\ufeff{}', error: invalid('expected a value, found byte 0xef') },
  {
    name: 'a body that ends',
    marked: '{"model":⟨"m"⟩✗',
    finds: { model: 'm' },
    error: invalid('the body ends in the middle of the document'),
  },
  {
    name: 'a body that ends in the model',
    marked: '{"model":⟨"m✗',
    error: invalid('the body ends in the middle of the document'),
  },
  {
    name: 'a body that ends in a number',
    marked: '{"max_tokens":1✗',
    error: invalid('the body ends in the middle of the document'),
  },
  {
    name: 'a number that ends in its middle',
    marked: '1.✗',
    error: invalid('the body ends in the middle of the document'),
  },
  {
    name: 'more after the document',
    marked: '{"model":⟨"m"⟩} ✗{}',
    finds: { model: 'm' },
    error: invalid('expected nothing after the document, found "{"'),
  },
  { name: 'a comma after the last member', marked: '{"a":1,✗}', error: invalid('expected a key, found "}"') },
  { name: 'a comma after the last element', marked: '[1,✗]', error: invalid('expected a value, found "]"') },
  { name: 'no comma', marked: '{"a":1 ✗"b":2}', error: invalid('expected "," or "}", found """') },
  { name: 'no comma in an array', marked: '[1 ✗2]', error: invalid('expected "," or "]", found "2"') },
  { name: 'no colon', marked: '{"a"✗,1}', error: invalid('expected ":", found ","') },
  { name: 'no key', marked: '{✗1:2}', error: invalid('expected a key or "}", found "1"') },
  { name: 'the wrong bracket', marked: '{"a":[1✗}}', error: invalid('expected "," or "]", found "}"') },
  { name: 'a word', marked: '{"stream":tr✗ye}', error: invalid('expected "true", found "y"') },
  { name: 'a leading zero', marked: '[0✗1]', error: invalid('expected "," or "]", found "1"') },
  { name: 'a plus sign', marked: '[✗+1]', error: invalid('expected a value, found "+"') },
  { name: 'a bare fraction', marked: '[1.✗e5]', error: invalid('expected a digit, found "e"') },
  { name: 'single quotes', marked: "{✗'model':1}", error: invalid('expected a key or "}", found "\'"') },
  {
    name: 'a byte that is no white space',
    marked: '{✗\u00a0}',
    error: invalid('expected a key or "}", found byte 0xc2'),
  },
  { name: 'a NUL', marked: '[✗\x00]', error: invalid('expected a value, found byte 0x00') },
  {
    name: 'a level too deep',
    marked: `${'['.repeat(maxJsonDepth)}✗${'['.repeat(3)}`,
    error: invalid('arrays and objects nested deeper than 512'),
  },
  { name: 'no value for model', marked: '{"model":✗}', error: invalid('expected a value, found "}"') },
  { name: 'a number for model', marked: '{"model":✗7}', error: refused('"model" must be a string, found a number') },
  {
    name: 'an object for model',
    marked: '{"model":✗{"name":"m"}}',
    error: refused('"model" must be a string, found an object'),
  },
  {
    name: 'an array for model',
    marked: '{"model":✗["m"]}',
    error: refused('"model" must be a string, found an array'),
  },
  {
    name: 'a boolean for model',
    marked: '{"model":✗false}',
    error: refused('"model" must be a string, found a boolean'),
  },
  {
    name: 'null for model',
    marked: '{"model":✗null,"model":"m"}',
    error: refused('"model" must be a string, found null'),
  },
  {
    name: 'a model that is too long',
    marked: `{"model":⟨"${'m'.repeat(maxModelBytes + 1)}✗"⟩}`,
    error: refused('"model" is longer than 1024 bytes'),
  },
  {
    name: 'an escaped line end in model',
    marked: '{"model":⟨"a\\nb✗"⟩}',
    error: refused('"model" contains a control character'),
  },
  { name: 'a DEL in model', marked: '{"model":⟨"a\x7f✗"⟩}', error: refused('"model" contains a control character') },
  {
    name: 'a bare line end in model',
    marked: '{"model":⟨"a\nb✗"⟩}',
    error: invalid('"model" is not a valid JSON string in UTF-8'),
  },
  {
    name: 'a bad escape in model',
    marked: '{"model":⟨"\\x✗"⟩}',
    error: invalid('"model" is not a valid JSON string in UTF-8'),
  },
  {
    name: 'half a character in model',
    marked: '{"model":⟨"\\ud83d✗"⟩}',
    error: invalid('"model" is not a valid JSON string in UTF-8'),
  },
]

describe('what it finds, at every split', () => {
  test.each(golden)('$name', ({ marked, finds, error }) => {
    const { document, errorOffset, ...spans } = readMarks(marked)
    expectAtEverySplit(document, {
      model: undefined,
      user: undefined,
      stream: false,
      maxTokens: undefined,
      ...finds,
      ...spans,
      error: error && { ...error, offset: errorOffset, message: `${error.message} (byte ${errorOffset})` },
    })
  })
})

test('a string ends at the first quote that is not escaped, however long it is', () => {
  for (let length = 50; length < 200; length++) {
    for (let backslashes = 0; backslashes < 5; backslashes++) {
      const content = `${'x'.repeat(length)}${'\\'.repeat(backslashes)}`
      // After an odd run of backslashes the quote is content, and the next one ends the string.
      const text = `["${content}"${backslashes % 2 === 1 ? ',"' : ''},1]`
      const whole = Buffer.from(text)
      expect(() => JSON.parse(text)).not.toThrow()
      expect(scan([whole]).error, text).toBeUndefined()
      const border = length + backslashes
      for (const offset of [2, border - 1, border, border + 1, border + 2, border + 3]) {
        expect(scan(cutAt(Buffer.from(text), [offset])).error, `${text} split at byte ${offset}`).toBeUndefined()
      }
    }
  }
})

/** Documents that text cannot show. */
describe('bytes that are not UTF-8, at every split', () => {
  const document = (model: Buffer) => Buffer.concat([Buffer.from('{"model":"'), model, Buffer.from('"}')])
  test.each([
    ['a byte of no character', [0xff]],
    ['a character cut short', [0x61, 0xe2, 0x82]],
    ['an encoding that is too long', [0xc0, 0xaf]],
    ['half a character, encoded', [0xed, 0xa0, 0xbd]],
  ])('%s in model', (_, bytes) => {
    const offset = '{"model":"'.length + bytes.length
    const error = {
      code: 'invalid_json' as const,
      offset,
      message: `"model" is not a valid JSON string in UTF-8 (byte ${offset})`,
    }
    const modelSpans = [offset - bytes.length - 1, offset + 1]
    expectAtEverySplit(document(Buffer.from(bytes)), { ...snapshot(new BodyScanner()), modelSpans, error })
  })

  test('in keys and strings that nobody asks for they pass', () => {
    const body = Buffer.from('{"\xff\xc0":"\xe2\x82","user":"\xff","model":"m"}', 'latin1')
    const modelSpans = [body.indexOf('"m"'), body.length - 1]
    expectAtEverySplit(body, { ...snapshot(new BodyScanner()), model: 'm', modelSpans })
  })
})

describe('what it tells while the body streams by', () => {
  test('the model as soon as its closing quote is there', () => {
    const scanner = new BodyScanner()
    scanner.push(Buffer.from('{"model":"m'))
    expect(scanner).toMatchObject({ model: undefined, modelSpans: [9] })
    scanner.push(Buffer.from('"'))
    expect(scanner).toMatchObject({ model: 'm', modelSpans: [9, 12], isComplete: false, bytesRead: 12 })
  })

  test('where the prompt begins and ends', () => {
    const scanner = new BodyScanner()
    scanner.push(Buffer.from('{"messages":'))
    expect(scanner).toMatchObject({ promptStart: -1, promptEnd: -1 })
    scanner.push(Buffer.from('[{"content":"'))
    expect(scanner).toMatchObject({ promptStart: 12, promptEnd: -1 })
    scanner.push(Buffer.from('a"}]'))
    expect(scanner).toMatchObject({ promptStart: 12, promptEnd: 29 })
  })

  test('that the document is complete, before its end is told', () => {
    const scanner = new BodyScanner()
    scanner.push(Buffer.from('{}'))
    expect(scanner.isComplete).toBe(true)
    scanner.push(Buffer.from(' \n'))
    expect(scanner.isComplete).toBe(true)
  })

  test('an error at once, and nothing after it', () => {
    const scanner = new BodyScanner()
    scanner.push(Buffer.from('{"model":1'))
    const { error } = scanner
    expect(error).toMatchObject({ code: 'model_invalid', offset: 9 })
    scanner.push(Buffer.from(',"model":"m","stream":true}'))
    scanner.end()
    expect(scanner).toMatchObject({ model: undefined, stream: false, isComplete: false, bytesRead: 0 })
    expect(scanner.error).toBe(error)
  })

  test('100,000 open brackets are read no further than the limit', () => {
    const scanner = new BodyScanner()
    scanner.push(Buffer.alloc(100_000, '['))
    expect(scanner.error).toMatchObject({ code: 'invalid_json', offset: maxJsonDepth })
  })

  test('containers of both kinds are told apart at every depth', () => {
    for (let depth = 1; depth <= maxJsonDepth; depth++) {
      const kinds = Array.from({ length: depth }, (_, level) => (level * level * 7 + depth) % 3 === 0)
      const opening = kinds.map((isObject) => (isObject ? '{"a":' : '[')).join('')
      const closing = kinds.map((isObject) => (isObject ? '}' : ']')).reverse()
      const whole = Buffer.from(`${opening}1${closing.join('')}`)
      expect(scan([whole]).error).toBeUndefined()
      const wrongLevel = (depth * 13) % depth
      closing[wrongLevel] = closing[wrongLevel] === ']' ? '}' : ']'
      const wrong = Buffer.from(`${opening}1${closing.join('')}`)
      expect(scan([wrong]).error?.offset).toBe(opening.length + 1 + wrongLevel)
    }
  })
})

/** What the tree that a document was written from holds for the scanner. */
function expectationOf(document: JsonNode) {
  const members = document.kind === 'object' ? document.members : []
  const last = (key: string) => members.findLast(([name]) => name === key)?.[1]
  const models = members.filter(([key]) => key === 'model').map(([, value]) => value)
  const user = last('user')
  const stream = last('stream')
  const limits = members
    .filter(([key, value]) => /^max_(|completion_|output_)tokens$/.test(key) && value.kind === 'bare')
    .map(([, value]) => (value.kind === 'bare' ? Number(value.written) : Number.NaN))
    .filter(Number.isFinite)
  return {
    models,
    user: user?.kind === 'string' && user.text.isWellFormed() ? user.text : undefined,
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

const isGoodModel = (model: string): boolean => model.isWellFormed() && !/[\x00-\x1f\x7f]/.test(model)

/** The scanner passes over a byte order mark; the oracles are not asked to. */
const withoutMark = (body: Buffer): Buffer => (hasByteOrderMark(body) ? body.subarray(3) : body)

const withoutMessage = ({ error, ...rest }: ReturnType<typeof scan>): Scan => ({
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
        const found = scan(randomPieces(body, random))
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
        const found = scan(randomPieces(body, random))

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
        const user = last('user')
        expect(found.user).toBe(typeof user === 'string' && user.isWellFormed() ? user : undefined)
        // Of several models JSON.parse keeps the last: the last span.
        if (found.modelSpans.length > 0) {
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
        expect(withoutMessage(scan(randomPieces(body, random)))).toEqual(expected)

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
        const whole = scan(wholly(body))
        expect(scan(byteByByte(body))).toEqual(whole)
        expect(scan(randomPieces(body, random))).toEqual(whole)
        expect(scan(cutAt(body, [random.below(body.length + 1)]))).toEqual(whole)
      }),
      { numRuns: fuzzRuns },
    )
  })
})

import { describe, expect, test } from 'vitest'
import { maxJsonDepth, maxKeyRepeats, maxModelBytes } from '../../src/request/limits.ts'
import { BodyScanner } from '../../src/request/scan.ts'
import { atEverySplit, byteByByte, cutAt, wholly } from '../fuzz/pieces.ts'
import { type Findings, findings, scanPieces } from '../fuzz/scan-pieces.ts'

function expectAtEverySplit(document: Buffer, expected: Findings): void {
  expect(scanPieces(wholly(document))).toEqual(expected)
  expect(scanPieces(byteByByte(document))).toEqual(expected)
  for (const [offset, pieces] of atEverySplit(document).entries()) {
    expect(scanPieces(pieces), `split at byte ${offset}`).toEqual(expected)
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
  finds?: { model?: string; user?: string; promptCacheKey?: string; stream?: boolean; maxTokens?: number }
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
  {
    name: 'a prompt cache key, the last of several, and an escape in the key',
    marked: '{"prompt_cache_key":"a","model":⟨"m"⟩,"prompt_cache\\u005fkey":"b\\u00e9"}',
    finds: { model: 'm', promptCacheKey: 'bé' },
  },
  {
    name: 'a prompt cache key that turns into something else, and one below the top',
    marked: '{"prompt_cache_key":"a","extra":{"prompt_cache_key":"b"},"prompt_cache_key":["c"]}',
  },
  {
    name: 'a prompt cache key of 1024 bytes',
    marked: `{"prompt_cache_key":"${'k'.repeat(1024)}"}`,
    finds: { promptCacheKey: 'k'.repeat(1024) },
  },
  { name: 'a prompt cache key of more', marked: `{"prompt_cache_key":"a","prompt_cache_key":"${'k'.repeat(1025)}"}` },
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
  {
    name: 'more models than any client means',
    marked: `{${'"model":⟨"m"⟩,'.repeat(maxKeyRepeats)}"model":✗"m"}`,
    finds: { model: 'm' },
    error: refused('"model" is given more than 16 times'),
  },
  {
    name: 'more of what stands before the prompt than any client means',
    marked: `{${'"tools":1,'.repeat(maxKeyRepeats)}"system":✗1}`,
    error: invalid('"system", "instructions" and "tools" are given more than 16 times'),
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
      promptCacheKey: undefined,
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
      expect(scanPieces([whole]).error, text).toBeUndefined()
      const border = length + backslashes
      for (const offset of [2, border - 1, border, border + 1, border + 2, border + 3]) {
        expect(scanPieces(cutAt(Buffer.from(text), [offset])).error, `${text} split at byte ${offset}`).toBeUndefined()
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
    expectAtEverySplit(document(Buffer.from(bytes)), { ...findings(new BodyScanner()), modelSpans, error })
  })

  test('in keys and strings that nobody asks for they pass', () => {
    const body = Buffer.from('{"\xff\xc0":"\xe2\x82","user":"\xff","model":"m"}', 'latin1')
    const modelSpans = [body.indexOf('"m"'), body.length - 1]
    expectAtEverySplit(body, { ...findings(new BodyScanner()), model: 'm', modelSpans })
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
      expect(scanPieces([whole]).error).toBeUndefined()
      const wrongLevel = (depth * 13) % depth
      closing[wrongLevel] = closing[wrongLevel] === ']' ? '}' : ']'
      const wrong = Buffer.from(`${opening}1${closing.join('')}`)
      expect(scanPieces([wrong]).error?.offset).toBe(opening.length + 1 + wrongLevel)
    }
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { boundaryOf, MultipartReader, maxPartHeaderBytes, maxParts } from '../../../src/request/bodies/multipart.ts'
import { maxModelBytes } from '../../../src/request/limits.ts'
import { mutate } from '../../fuzz/mutate.ts'
import { atEverySplit, byteByByte, cutAt, randomPieces, wholly } from '../../fuzz/pieces.ts'
import { fuzzRuns, fuzzTimeoutMs, seededRandom } from '../../fuzz/random.ts'
import { nothing, readPieces, renamed } from './read-body.ts'

const boundary = '----b0und'
const contentType = `multipart/form-data; boundary=${boundary}`
const open = () => new MultipartReader(contentType)

const delimiter = `\r\n--${boundary}`
const field = (name: string, value: string, more = '') =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`
const file = (name: string, content: string) =>
  field(name, content, '; filename="a.wav"\r\nContent-Type: application/octet-stream')
const close = `--${boundary}--\r\n`
const bytes = (...texts: string[]) => Buffer.from(texts.join(''))

/** Bodies with ⟨ ⟩ around what a rename replaces. */
function readMarks(marked: string) {
  const modelSpans: number[] = []
  let body = Buffer.alloc(0)
  for (const text of marked.split(/([⟨⟩])/)) {
    if (text === '⟨' || text === '⟩') modelSpans.push(body.length)
    else body = Buffer.concat([body, Buffer.from(text)])
  }
  return { body, modelSpans }
}

const disposition = 'Content-Disposition: form-data;'

describe('a form', () => {
  const golden: { name: string; marked: string; finds: { model?: string; user?: string; stream?: boolean } }[] = [
    {
      name: 'as OpenAI clients write it',
      marked: `--${boundary}\r\n${disposition} name="model"\r\n\r\n⟨whisper-1${delimiter}⟩\r\n${file('file', 'RIFF\r\n\r\n--x').slice(delimiter.length)}${field('stream', 'true')}${field('user', 'u1')}${close}`,
      finds: { model: 'whisper-1', stream: true, user: 'u1' },
    },
    {
      name: 'the file first, header names in any case, token names, other headers, padding after boundaries',
      marked: `${file('file', '\0\r\n--')}--${boundary} \t\r\nX-Other: 1\r\nCONTENT-disposition:FORM-data; NAME=model\r\nContent-Type: text/plain\r\n\r\n⟨m${delimiter}⟩-- \r\n`,
      finds: { model: 'm' },
    },
    {
      name: 'preamble and epilogue',
      marked: `to be\r\nignored\r\n--${boundary}\r\n${disposition} name="model"\r\n\r\n⟨m${delimiter}⟩--\r\n--${boundary}\r\n${field('model', 'x')}`,
      finds: { model: 'm' },
    },
    {
      name: 'every later model, a file too, is to become the first',
      marked: `--${boundary}\r\n${disposition} name="model"\r\n\r\n⟨a${delimiter}⟩\r\n${disposition} name="model"\r\n\r\n⟨b${delimiter}⟩\r\n${disposition} filename=f; name="mod\\el"\r\n\r\n⟨${delimiter}⟩--`,
      finds: { model: 'a' },
    },
    {
      name: 'a value as it is: white space, line breaks of one byte in other fields, UTF-8',
      marked: `--${boundary}\r\n${disposition} name="user"\r\n\r\nü\r\n\n--${boundary.slice(1)}\r\n--${boundary}\r\n${disposition} name=model\r\n\r\n⟨ é ${delimiter}⟩--`,
      finds: { model: ' é ', user: `ü\r\n\n--${boundary.slice(1)}` },
    },
    {
      name: 'an empty model',
      marked: `--${boundary}\r\n${disposition} name="model"\r\n\r\n⟨${delimiter}⟩--`,
      finds: { model: '' },
    },
    {
      name: 'a part whose header lines are followed by the delimiter at once',
      marked: `--${boundary}\r\n${disposition} name="model"\r\n\r\n⟨--${boundary}⟩--`,
      finds: { model: '' },
    },
    { name: 'no model', marked: `${field('language', 'en')}${close}`, finds: {} },
    { name: 'no part', marked: `--${boundary}--`, finds: {} },
    { name: 'a file is no field', marked: `${file('user', 'u')}${file('stream', 'true')}${close}`, finds: {} },
    {
      name: 'the last of several users and streams counts',
      marked: `${field('user', 'a')}${field('stream', '1')}${field('user', 'b')}${field('stream', 'False')}${close}`,
      finds: { user: 'b' },
    },
    {
      name: 'a user that is too long, or no UTF-8, is none',
      marked: `${field('user', 'u'.repeat(maxModelBytes + 1))}${close}`,
      finds: {},
    },
    {
      name: 'the longest model',
      marked: `--${boundary}\r\n${disposition} name=model\r\n\r\n⟨${'m'.repeat(maxModelBytes)}${delimiter}⟩--`,
      finds: { model: 'm'.repeat(maxModelBytes) },
    },
  ]

  test.each(golden)('$name', ({ marked, finds }) => {
    const { body, modelSpans } = readMarks(marked)
    const expected = { ...nothing, ...finds, modelSpans }
    expect(readPieces(open(), wholly(body))).toEqual(expected)
    expect(readPieces(open(), byteByByte(body))).toEqual(expected)
    for (const [offset, pieces] of atEverySplit(body).entries()) {
      expect(readPieces(open(), pieces), `split at byte ${offset}`).toEqual(expected)
    }
  })

  test('a model is known as soon as the delimiter after it has come', () => {
    const reader = open()
    const body = bytes(field('model', 'm'))
    reader.push(body)
    expect(reader.model).toBeUndefined()
    reader.push(bytes(`--${boundary}`))
    expect(reader.model).toBe('m')
    expect(reader.isComplete).toBe(false)
  })
})

describe('a form that is refused', () => {
  const part = (headers: string, content = '') => `--${boundary}\r\n${headers}\r\n\r\n${content}`
  const partStart = `--${boundary}\r\n`.length
  const longName = 'n'.repeat(maxPartHeaderBytes)
  const bad: { name: string; body: string; message: string; offset: number; code?: string }[] = [
    { name: 'empty', body: '', message: 'the body is empty', offset: 0 },
    {
      name: 'cut off',
      body: field('a', 'b'),
      message: 'the body ends before its last boundary',
      offset: field('a', 'b').length,
    },
    { name: 'JSON', body: '{"model":"m"}', message: 'the body ends before its last boundary', offset: 13 },
    {
      name: 'a boundary that goes on',
      body: `--${boundary}x`,
      message: 'the boundary has neither "--" nor the end of the line after it',
      offset: boundary.length + 2,
    },
    {
      name: 'one dash',
      body: `--${boundary}-x`,
      message: 'the boundary is followed by a single "-"',
      offset: boundary.length + 3,
    },
    {
      name: 'CR alone',
      body: `--${boundary}\rx`,
      message: 'CR without LF after the boundary',
      offset: boundary.length + 3,
    },
    {
      name: 'a boundary after LF alone',
      body: `${part(`${disposition} name=a`, 'b')}\n--${boundary}\r\n`,
      message: 'the boundary stands in the middle of a line',
      offset: part(`${disposition} name=a`, 'b').length + 1 + boundary.length + 2,
    },
    {
      name: 'a boundary in a line of the preamble',
      body: `x--${boundary}\r\n`,
      message: 'the boundary stands in the middle of a line',
      offset: boundary.length + 3,
    },
    {
      name: 'no header lines',
      body: `--${boundary}\r\n\r\nx`,
      message: 'a part without header lines',
      offset: partStart,
    },
    { name: 'no disposition', body: part('A: b'), message: 'a part with no Content-Disposition', offset: partStart },
    {
      name: 'two dispositions',
      body: part(`${disposition} name=a\r\n${disposition} name=model`),
      message: 'a part with two Content-Disposition headers',
      offset: partStart,
    },
    {
      name: 'an attachment',
      body: part('Content-Disposition: attachment; name=a'),
      message: 'a part with a Content-Disposition that is not form-data',
      offset: partStart,
    },
    {
      name: 'no name',
      body: part(`${disposition} filename=a`),
      message: 'a part with a Content-Disposition without name',
      offset: partStart,
    },
    ...['name=a; name=model', 'name=a; name*=model', "name*=utf-8''model", 'name*0=mod; name*1=el'].map((names) => ({
      name: names,
      body: part(`${disposition} ${names}`),
      message: 'a part with a Content-Disposition with two names',
      offset: partStart,
    })),
    {
      name: 'an open quote',
      body: part(`${disposition} name="a`),
      message: 'a part with a Content-Disposition that is not form-data',
      offset: partStart,
    },
    ...['A', ' A: b', 'A : b', 'A: b\nC: d', 'A: \0', ': b'].map((line) => ({
      name: JSON.stringify(line),
      body: part(line),
      message: 'a part with a malformed header line',
      offset: partStart,
    })),
    {
      name: 'a model that is a file',
      body: part(`${disposition} name=model; filename=f`),
      message: 'a part with "model" as a file: it must be a field',
      offset: partStart,
    },
    {
      name: 'a model that a server may decode',
      body: part(`${disposition} name=model\r\nContent-Transfer-Encoding: base64`),
      message: 'a part with "model" in a Content-Transfer-Encoding',
      offset: partStart,
    },
    {
      name: 'long header lines',
      body: part(`${disposition} name=${longName}`),
      message: `the header lines of a part are longer than ${maxPartHeaderBytes} bytes`,
      offset: partStart,
    },
    {
      name: 'a long model',
      body: field('model', 'm'.repeat(maxModelBytes + 1)) + close,
      message: `"model" is longer than ${maxModelBytes} bytes`,
      offset: field('model', 'm'.repeat(maxModelBytes + 1)).length + boundary.length + 2,
      code: 'model_invalid',
    },
    {
      name: 'a control character',
      body: field('model', 'a\nb') + close,
      message: '"model" contains a control character',
      offset: field('model', 'a\nb').length + boundary.length + 2,
      code: 'model_invalid',
    },
  ]

  test.each(bad)('$name', ({ body, message, offset, code = 'invalid_multipart' }) => {
    const error = { code, offset, message: `${message} (byte ${offset})` }
    const document = Buffer.from(body, 'latin1')
    expect(readPieces(open(), wholly(document)).error).toEqual(error)
    if (document.length > 4000) return
    expect(readPieces(open(), byteByByte(document)).error).toEqual(error)
    for (const pieces of atEverySplit(document)) expect(readPieces(open(), pieces).error).toEqual(error)
  })

  test('a model that is no UTF-8', () => {
    const body = Buffer.from(field('model', '\xff') + close, 'latin1')
    expect(readPieces(open(), [body]).error?.message).toMatch(/"model" is not valid UTF-8/)
  })

  test('header lines of just the allowed length', () => {
    const line = `${disposition} name=`
    const allowed = field('a', 'b').replace('name="a"', `name=${'n'.repeat(maxPartHeaderBytes - line.length)}`)
    expect(readPieces(open(), [bytes(allowed, close)]).error).toBeUndefined()
    const over = allowed.replace('name=', 'name=n')
    expect(readPieces(open(), [bytes(over, close)]).error?.message).toMatch(/longer than/)
  })

  test('too many parts', () => {
    const part = field('a', '')
    expect(readPieces(open(), [bytes(part.repeat(maxParts), close)]).error).toBeUndefined()
    const { error } = readPieces(open(), [bytes(part.repeat(maxParts + 1), close)])
    expect(error).toMatchObject({ code: 'invalid_multipart', message: expect.stringContaining('more than 1000 parts') })
  })
})

describe('the boundary in Content-Type', () => {
  test.each([
    ['multipart/form-data; boundary=abc', 'abc'],
    ['Multipart/Form-Data;charset=utf-8;BOUNDARY="a b:c"', 'a b:c'],
    [`multipart/form-data; boundary="${'x'.repeat(70)}"`, 'x'.repeat(70)],
  ])('%s', (header, expected) => {
    expect(boundaryOf(header)).toBe(expected)
  })

  test.each([
    [undefined, 'must be multipart/form-data'],
    ['application/json', 'must be multipart/form-data'],
    ['multipart/mixed; boundary=a', 'must be multipart/form-data'],
    ['multipart/form-data', 'no boundary'],
    ['multipart/form-data; boundary=a; boundary=b', 'more than one boundary'],
    ["multipart/form-data; boundary=a; boundary*=utf-8''b", 'more than one boundary'],
    ['multipart/form-data; boundary=""', 'RFC 2046'],
    ['multipart/form-data; boundary="a "', 'RFC 2046'],
    ['multipart/form-data; boundary="a\\"b"', 'RFC 2046'],
    [`multipart/form-data; boundary=${'x'.repeat(71)}`, 'RFC 2046'],
  ])('%s is refused', (header, message) => {
    const reader = new MultipartReader(header)
    reader.push(bytes('--a\r\n'))
    reader.end()
    expect(reader.error).toMatchObject({
      code: 'invalid_multipart',
      offset: 0,
      message: expect.stringContaining(message),
    })
    expect(reader.isComplete).toBe(false)
  })
})

describe('a renamed model', () => {
  const three = (a: string, b: string, c: string) =>
    bytes(field('model', a), file('file', 'RIFF'), field('model', b), field('x', ''), field('model', c), close)

  test('is the same in every field, wherever the pieces are cut', () => {
    const body = three('a', '', 'longer-than-new')
    const expected = three('new', 'new', 'new').toString()
    for (const pieces of [...atEverySplit(body), byteByByte(body)]) {
      expect(renamed(open(), pieces, 'new').toString()).toBe(expected)
    }
  })

  test('is the same in every later field when the first is right', () => {
    const body = three('first', 'b', 'c')
    for (const pieces of [...atEverySplit(body), byteByByte(body)]) {
      expect(renamed(open(), pieces, 'first', true).toString()).toBe(three('first', 'first', 'first').toString())
    }
  })

  test('has the first field of a body whose last one is cut off', () => {
    const cut = three('a', 'b', 'c').subarray(0, -close.length - 2)
    const reader = open()
    const out = renamed(reader, [cut], 'new')
    reader.end()
    expect(reader.error?.message).toMatch(/ends before its last boundary/)
    expect(out.toString()).toMatch(/name="model"\r\n\r\nnew\r\n------b0und$/)
  })
})

const partValue = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom('\r', '\n', '-', 'b', '\r\n--', '--', boundary.slice(1), boundary.slice(0, -1)),
    maxLength: 12,
  }),
)
const formParts = fc.array(
  fc.record({
    name: fc.constantFrom('model', 'user', 'stream', 'file', 'prompt'),
    value: partValue,
    isFile: fc.boolean(),
  }),
  { maxLength: 6 },
)
const controls = /[\x00-\x1f\x7f]/

describe('every form', () => {
  test('is read as it was written', { timeout: fuzzTimeoutMs }, () => {
    fc.assert(
      fc.property(formParts, fc.nat(), (parts, seed) => {
        const written = parts.filter(({ value }) => !`\r\n${value}\r\n`.includes(`--${boundary}`))
        const body = bytes(...written.map(({ name, value, isFile }) => (isFile ? file : field)(name, value)), close)
        const found = readPieces(open(), randomPieces(body, seededRandom(seed)))
        const models = written.filter(({ name }) => name === 'model')
        if (
          models.length > 0 &&
          (models[0].isFile || controls.test(models[0].value) || !models[0].value.isWellFormed())
        ) {
          expect(found.model).toBeUndefined()
          expect(found.error).toBeDefined()
          return
        }
        const last = (name: string) => written.findLast((part) => part.name === name && !part.isFile)?.value
        expect(found).toEqual({
          ...nothing,
          model: models.at(0)?.value,
          user: last('user'),
          stream: /^(true|1)$/i.test(last('stream') ?? ''),
          modelSpans: found.modelSpans,
        })
        expect(found.modelSpans.length).toBe(2 * models.length)
        for (const [index, { value }] of models.entries()) {
          const span = body.subarray(found.modelSpans[2 * index], found.modelSpans[2 * index + 1])
          expect(span.toString()).toBe(value + delimiter)
        }
      }),
      { numRuns: fuzzRuns },
    )
  })

  test('damaged or not, is judged the same in any pieces', { timeout: fuzzTimeoutMs }, () => {
    const alphabet = Buffer.from('\r\n-:;="\\ \tbmodelname*\0\xff', 'latin1')
    fc.assert(
      fc.property(formParts, fc.nat(), (parts, seed) => {
        const random = seededRandom(seed)
        const good = bytes(...parts.map(({ name, value, isFile }) => (isFile ? file : field)(name, value)), close)
        const body = mutate(good, random, alphabet)
        const whole = readPieces(open(), wholly(body))
        expect(whole.error === undefined).toBe(whole.isComplete)
        expect(readPieces(open(), byteByByte(body))).toEqual(whole)
        expect(readPieces(open(), randomPieces(body, random))).toEqual(whole)
        expect(readPieces(open(), cutAt(body, [random.below(body.length + 1)]))).toEqual(whole)
      }),
      { numRuns: fuzzRuns },
    )
  })
})

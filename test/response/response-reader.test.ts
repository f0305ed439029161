import { describe, expect, test } from 'vitest'
import { createResponseReader } from '../../src/response/response-reader.ts'
import { atEverySplit, byteByByte, cutAt, wholly } from '../fuzz/pieces.ts'
import { asked, eventStream, json, readPieces, restore, served } from './reading.ts'

const answer = (model: string) => `{"model":${JSON.stringify(model)},"usage":{"prompt_tokens":3,"completion_tokens":1}}`
const known = { promptTokens: 3, completionTokens: 1, cachedTokens: undefined, totalTokens: 4 }

describe('which bodies are read', () => {
  test.each([
    { contentType: 'application/json', contentEncoding: undefined },
    { contentType: 'Application/JSON ; charset=utf-8', contentEncoding: '' },
    { contentType: 'application/json', contentEncoding: 'Identity' },
  ])('$contentType, encoding $contentEncoding', (options) => {
    const { body, found } = readPieces(wholly(Buffer.from(answer(served))), { ...options, restore })
    expect(found.usage).toEqual(known)
    expect(body).toBe(answer(asked))
  })

  test.each([
    { contentType: undefined, contentEncoding: undefined },
    { contentType: 'text/plain', contentEncoding: undefined },
    { contentType: 'application/grpc-web', contentEncoding: undefined },
    { contentType: 'application/json', contentEncoding: 'gzip' },
    { contentType: 'text/event-stream', contentEncoding: 'br' },
    { contentType: 'application/grpc', contentEncoding: 'zstd' },
  ])('not $contentType, encoding $contentEncoding', (options) => {
    expect(createResponseReader({ ...options, restore })).toBeUndefined()
  })
})

describe('what is sent', () => {
  test('views into the received memory, and one literal for the name', () => {
    const reader = createResponseReader({ ...json, restore })!
    const piece = Buffer.from(answer(served))
    const out: Buffer[] = []
    reader.push(piece, out)
    expect(out.map(String)).toEqual(['{"model":', JSON.stringify(asked), answer('').slice('{"model":""'.length)])
    expect([out[0].buffer, out[2].buffer]).toEqual([piece.buffer, piece.buffer])
  })

  test('the piece itself, when nothing changes', () => {
    const reader = createResponseReader({ ...json, restore })!
    const piece = Buffer.from(answer('another'))
    const out: Buffer[] = []
    reader.push(piece, out)
    expect(out).toEqual([piece])
    expect(out[0]).toBe(piece)
  })

  test('nothing for an empty piece', () => {
    const out: Buffer[] = []
    createResponseReader(json)!.push(Buffer.alloc(0), out)
    expect(out).toEqual([])
  })

  test.each([served, 'another', served.slice(0, -1), `${served}s`, 'meta-llama\\/Llama'])(
    'of a cut value %s: all before it at once, it and all after it with the piece that ends it',
    (model) => {
      const head = '{"id":1,"model":'
      const value = `"${model}"`
      const bytes = Buffer.from(`${head + value},"choices":[]}`)
      for (let cut = head.length + 1; cut < head.length + value.length; cut++) {
        for (const second of [cut + 1, head.length + value.length, bytes.length]) {
          const { sent } = readPieces(cutAt(bytes, [cut, second]), { ...json, restore })
          const after = second < head.length + value.length ? '' : sent[1].toString()
          expect(sent[0].toString()).toBe(head)
          expect(sent[1].toString()).toBe(after)
          const replaced = model === served ? JSON.stringify(asked) : value
          expect(after === '' || after.startsWith(replaced)).toBe(true)
          expect(Buffer.concat(sent).toString()).toBe(`${head + replaced},"choices":[]}`)
        }
      }
    },
  )

  test('nothing is held back of a model that is too long to be one', () => {
    const bytes = Buffer.from(`{"model":"${'x'.repeat(5000)}"}`)
    const { sent, body } = readPieces(cutAt(bytes, [100, 1100, 3000]), { ...json, restore })
    expect(sent.map((buffer) => buffer.length)).toEqual([9, 1091, 1900, bytes.length - 3000, 0])
    expect(body).toBe(bytes.toString())
  })

  test('what was held back, when the body ends within the model', () => {
    for (const options of [json, eventStream]) {
      const bytes = Buffer.from(`${options === json ? '' : 'data: '}{"model":"${served.slice(0, 9)}`)
      for (const pieces of atEverySplit(bytes)) {
        expect(readPieces(pieces, { ...options, restore }).body).toBe(bytes.toString())
      }
    }
  })

  test('names that are the same change nothing', () => {
    const { found, sent } = readPieces(byteByByte(Buffer.from(answer(served))), {
      ...json,
      restore: { served, asked: served },
    })
    expect(found.lengthChange).toBe(0)
    expect(sent.slice(0, -1).every((buffer) => buffer.length === 1)).toBe(true)
  })

  test('a name with escapes is restored too', () => {
    const { body } = readPieces(wholly(Buffer.from(answer(served).replace('/', '\\/'))), { ...json, restore })
    expect(body).toBe(answer(asked))
  })
})

describe('numbers', () => {
  test.each([
    ['an empty body', ''],
    ['an end within the document', answer(served).slice(0, -1)],
    ['more after the document', `${answer(served)}{}`],
    ['a comma too many', answer(served).replace('}}', ',}}')],
    ['nesting too deep', `{"usage":{"prompt_tokens":3},"x":${'['.repeat(600)}${']'.repeat(600)}}`],
    ['a number that is none', '{"usage":{"prompt_tokens":01}}'],
    ['a negative number', '{"usage":{"prompt_tokens":-3}}'],
    ['a text', '{"usage":{"prompt_tokens":"3"}}'],
    ['another place', '{"a":{"usage":{"prompt_tokens":3}},"choices":[{"usage":{"prompt_tokens":3}}]}'],
    ['an array of usages', '{"usage":[{"prompt_tokens":3}]}'],
    ['a top-level array', '[{"usage":{"prompt_tokens":3}}]'],
  ])('none of %s', (_, body) => {
    const bytes = Buffer.from(body)
    for (const pieces of [wholly(bytes), byteByByte(bytes)]) {
      expect(readPieces(pieces, json).found.usage).toBeUndefined()
    }
  })

  test.each([
    '{"usage":{"prompt_tokens":12}}',
    '{"us\\u0061ge":{"prompt_token\\u0073":1.2e1}}',
    `{"x":${'[{"a":'.repeat(200)}0${'}]'.repeat(200)},"usage":{"prompt_tokens":12}}`,
  ])('of %s', (body) => {
    for (const pieces of [wholly(Buffer.from(body)), byteByByte(Buffer.from(body))]) {
      expect(readPieces(pieces, json).found.usage?.promptTokens).toBe(12)
    }
  })

  test('by their names, and by those of OpenAI', () => {
    const body = '{"usage":{"input_tokens":7,"output_tokens":2,"input_tokens_details":{"cached_tokens":5}}}'
    expect(readPieces(wholly(Buffer.from(body)), json).found.namedUsage).toEqual({
      input_tokens: 7,
      output_tokens: 2,
      'input_tokens_details.cached_tokens': 5,
      prompt_tokens: 7,
      completion_tokens: 2,
      total_tokens: 9,
    })
  })
})

describe('events', () => {
  const read = (text: string) => readPieces(byteByByte(Buffer.from(text)), { ...eventStream, restore })

  test('a document counts with its line, also where servers leave out the empty line', () => {
    const { found } = read(
      'data: {"choices":[{"delta":{"content":"a"}}]}\ndata: {"usage":{"prompt_tokens":3}}\ndata: [DONE]',
    )
    expect(found).toMatchObject({ events: 1, finished: true, usage: { promptTokens: 3 } })
  })

  test('a document may go on in the next line of data, not within a string, and not in the next event', () => {
    expect(read('data: {"usage":\ndata: {"prompt_tokens":3\ndata:}}\n\n').found.usage?.promptTokens).toBe(3)
    expect(read('data: {"usage":\n\ndata: {"prompt_tokens":3}}\n\n').found.usage).toBeUndefined()
    expect(read('data: {"usage":{"prompt_\ndata: tokens":3}}\n\n').found.usage).toBeUndefined()
  })

  test('what is not valid ends with its event', () => {
    const { found, body } = read(
      `data: {"a" "b"}\ndata: {"usage":{"prompt_tokens":9}}\n\ndata: {"a":"b\n\ndata: ${answer(served)}\n\n`,
    )
    expect(found.usage).toEqual(known)
    expect(body.endsWith(`data: ${answer(asked)}\n\n`)).toBe(true)
  })

  test('[DONE] is that and nothing else', () => {
    for (const line of ['[DONE]', '[DONE']) expect(read(`data: ${line}\n\n`).found.finished).toBe(line === '[DONE]')
    for (const line of ['data: [DONE]x', 'data: ["DONE"]', 'data: x[DONE]', 'event: [DONE]']) {
      expect(read(`${line}\n\n`).found.finished).toBe(false)
    }
    expect(read('data: [\ndata: {"usage":{"prompt_tokens":9}}\ndata: ]\n\n').found.usage).toBeUndefined()
  })

  test('the first content is the first event with text', () => {
    const reader = createResponseReader(eventStream)!
    const push = (text: string) => reader.push(Buffer.from(text), [])
    push('data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n')
    expect(reader.hasContent).toBe(false)
    push('data: {"choices":[{"delta":{"content":"H"}}]}')
    expect(reader.hasContent).toBe(false)
    push('\n')
    expect(reader.hasContent).toBe(true)
  })
})

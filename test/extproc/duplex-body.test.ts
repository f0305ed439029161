import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DuplexBody } from '../../src/extproc/duplex-body.ts'
import { answer } from '../../src/extproc/encode.ts'
import { unframe } from './play.ts'

type Chunk = { readonly body: Buffer; readonly isEnd: boolean }

/** A body and the chunks that it has sent, each as it is on the stream. */
function open(which: typeof answer.requestBody | typeof answer.responseBody = answer.requestBody) {
  const written: Buffer[] = []
  const body = new DuplexBody(which, { write: (bytes) => void written.push(bytes) })
  return {
    body,
    written,
    sent: (): Chunk[] =>
      unframe(Buffer.concat(written)).map(({ request_body, response_body }) => {
        const chunk = (request_body ?? response_body)?.response?.body_mutation?.streamed_response
        return { body: chunk?.body ?? Buffer.alloc(0), isEnd: chunk?.end_of_stream ?? false }
      }),
  }
}

describe('a body in full duplex', () => {
  test('pieces wait for a flush, and go as one chunk', () => {
    const { body, sent } = open()
    body.push(Buffer.from('{"a"'))
    body.push(Buffer.from(':1}'))
    expect(sent()).toEqual([])
    body.flush(false)
    expect(sent()).toEqual([{ body: Buffer.from('{"a":1}'), isEnd: false }])
  })

  test('the end goes in the last chunk, or alone', () => {
    const { body, sent } = open()
    body.push(Buffer.from('x'))
    body.flush(true)
    body.flush(true)
    expect(sent()).toEqual([
      { body: Buffer.from('x'), isEnd: true },
      { body: Buffer.alloc(0), isEnd: true },
    ])
  })

  test('nothing to send and no end: no chunk', () => {
    const { body, sent } = open()
    body.push(Buffer.alloc(0))
    body.flush(false)
    expect(sent()).toEqual([])
  })

  test('answers the direction that it belongs to', () => {
    const { body, written } = open(answer.responseBody)
    body.flush(true)
    expect(unframe(Buffer.concat(written))[0].response_body).toBeDefined()
  })

  test.each([
    [62_000, [62_000]],
    [62_001, [62_000, 1]],
    [124_000, [62_000, 62_000]],
    [200_000, [62_000, 62_000, 62_000, 14_000]],
  ])('%i bytes go as chunks of %j, the end in the last', (bytes, sizes) => {
    const { body, sent } = open()
    body.push(Buffer.alloc(bytes, 'x'))
    body.flush(true)
    const isLast = sizes.map((_, i) => i === sizes.length - 1)
    expect(sent().map(({ body }) => body.length)).toEqual(sizes)
    expect(sent().map(({ isEnd }) => isEnd)).toEqual(isLast)
  })

  test('the bytes of a large piece are not copied', () => {
    const { body, written } = open()
    const piece = Buffer.alloc(2000, 'same memory')
    body.push(piece)
    body.flush(false)
    expect(written[1].buffer).toBe(piece.buffer)
  })

  test('any pieces: all bytes in order, in chunks below the limit', () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 150_000 })))
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 5 }), (sizes, flushEvery) => {
        const { body, sent } = open()
        const pieces = sizes.map((size, i) => Buffer.alloc(size, i))
        for (const [i, piece] of pieces.entries()) {
          body.push(piece)
          if (i % flushEvery === 0) body.flush(false)
        }
        body.flush(true)
        const chunks = sent()
        expect(Buffer.concat(chunks.map(({ body }) => body)).equals(Buffer.concat(pieces))).toBe(true)
        expect(Math.max(...chunks.map(({ body }) => body.length))).toBeLessThanOrEqual(62_000)
        expect(chunks.findIndex(({ isEnd }) => isEnd)).toBe(chunks.length - 1)
      }),
    )
  })
})

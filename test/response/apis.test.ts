import { describe, expect, test } from 'vitest'
import { atEverySplit, byteByByte, wholly } from '../fuzz/pieces.ts'
import { type ApiCase, apis } from './apis.ts'
import { asked, readPieces, restore, served } from './reading.ts'

/** The body as the client must get it: all of these cases have the model only where `models` counts it, and in text. */
function restored({ body, models }: ApiCase): string {
  const written = `"model":${JSON.stringify(served)}`
  const spaced = written.replace(':', ': ')
  let left = models
  return body.replaceAll(new RegExp(`${written}|${spaced}`, 'g'), (found) => {
    if (left === 0) return found
    left--
    return found.replace(JSON.stringify(served), JSON.stringify(asked))
  })
}

describe.each(apis)('$name', (api) => {
  const { body, type, usage, events, finished, models } = api
  const options = { contentType: type, contentEncoding: undefined }
  const bytes = Buffer.from(body)
  const expected = {
    model: models > 0 ? served : undefined,
    usage: usage && {
      promptTokens: usage[0],
      completionTokens: usage[1],
      cachedTokens: usage[2],
      totalTokens: usage[3],
    },
    events,
    hasContent: events > 0,
    finished,
    isStream: type === 'text/event-stream',
  }

  test('whole', () => {
    const { body: out, found } = readPieces(wholly(bytes), { ...options, restore })
    expect(found).toMatchObject(expected)
    expect(out).toBe(Buffer.from(restored(api)).toString('latin1'))
    expect(found.lengthChange).toBe(out.length - bytes.length)
  })

  test('cut in two anywhere, and into bytes', () => {
    const whole = readPieces(wholly(bytes), { ...options, restore })
    for (const pieces of [...atEverySplit(bytes), byteByByte(bytes)]) {
      const { body: out, found } = readPieces(pieces, { ...options, restore })
      expect(found).toEqual(whole.found)
      expect(out).toBe(whole.body)
    }
  })

  test('cut anywhere with nothing to restore: every piece is sent as it came', () => {
    const { found: whole } = readPieces(wholly(bytes), { ...options, restore })
    for (const pieces of [...atEverySplit(bytes), byteByByte(bytes)]) {
      const lengths = [...pieces.map((piece) => piece.length), 0]
      const { body: out, found, sent } = readPieces(pieces, options)
      expect(found).toEqual({ ...whole, lengthChange: 0 })
      expect(out).toBe(bytes.toString('latin1'))
      expect(sent.map((buffer) => buffer.length)).toEqual(lengths)
    }
  })
})

describe('events with lines ended by carriage returns, with and without line feeds', () => {
  test.each(apis.filter(({ type }) => type === 'text/event-stream'))('$name', (api) => {
    const options = { contentType: api.type, contentEncoding: undefined }
    const { found: whole } = readPieces(wholly(Buffer.from(api.body)), { ...options, restore })
    for (const lineEnd of ['\r\n', '\r']) {
      const written = Buffer.from(api.body.replaceAll('\n', lineEnd))
      for (const pieces of [wholly(written), byteByByte(written), ...atEverySplit(written)]) {
        const { body: out, found } = readPieces(pieces, { ...options, restore })
        expect(found).toEqual(whole)
        expect(out).toBe(Buffer.from(restored({ ...api, body: written.toString() })).toString('latin1'))
      }
    }
  })
})

import {
  brotliCompressSync,
  constants,
  createZstdCompress,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type DecodedBody, decodeBody, isDecodable } from '../../../src/request/bodies/inflate.ts'
import type { Refusal } from '../../../src/request/errors.ts'
import { anyByte, mutate } from '../../fuzz/mutate.ts'
import { atEverySplit, byteByByte, randomPieces } from '../../fuzz/pieces.ts'
import { fuzzRuns, fuzzTimeoutMs, seededRandom } from '../../fuzz/random.ts'

const mebibyte = 1024 * 1024

const decode = (pieces: readonly Buffer[], encoding: string, maxBytes = mebibyte) =>
  new Promise<DecodedBody | Refusal>((done) => {
    decodeBody(pieces, encoding, maxBytes, done)
  })

async function decodedText(pieces: readonly Buffer[], encoding: string): Promise<string> {
  const result = await decode(pieces, encoding)
  if ('code' in result) return `${result.code}: ${result.message}`
  expect(result.bytes).toBe(result.pieces.reduce((sum, piece) => sum + piece.length, 0))
  return Buffer.concat(result.pieces).toString()
}

const formats: { name: string; encoding: string; encode: (body: Buffer) => Buffer; takesMore: boolean }[] = [
  { name: 'gzip', encoding: 'gzip', encode: gzipSync, takesMore: true },
  { name: 'gzip by its old name', encoding: 'x-gzip', encode: gzipSync, takesMore: true },
  { name: 'deflate', encoding: 'deflate', encode: deflateSync, takesMore: false },
  { name: 'deflate without the zlib header', encoding: 'deflate', encode: deflateRawSync, takesMore: false },
  { name: 'brotli', encoding: 'br', encode: brotliCompressSync, takesMore: false },
  { name: 'zstd', encoding: 'zstd', encode: zstdCompressSync, takesMore: false },
]

const text = JSON.stringify({ model: 'm', prompt: 'once upon a time, once upon another' })

describe.each(formats)('$name', ({ encoding, encode, takesMore }) => {
  const encoded = encode(Buffer.from(text))

  test('is decoded, however it is cut', async () => {
    expect(isDecodable(encoding)).toBe(true)
    for (const pieces of [...atEverySplit(encoded), byteByByte(encoded)]) {
      expect(await decodedText(pieces, encoding)).toBe(text)
    }
  })

  test('of nothing is nothing', async () => {
    expect(await decodedText([encode(Buffer.alloc(0))], encoding)).toBe('')
  })

  test('is refused when it is cut off', async () => {
    for (let length = 0; length < encoded.length; length++) {
      expect(await decode([encoded.subarray(0, length)], encoding)).toMatchObject({
        code: 'invalid_encoding',
        status: 400,
      })
    }
    expect(await decode([], encoding)).toMatchObject({ code: 'invalid_encoding' })
  })

  test('is refused when something follows', async () => {
    for (const rest of ['x', '\0\0\0\0', ' '.repeat(100_000)]) {
      expect(await decode([encoded, Buffer.from(rest)], encoding)).toMatchObject({ code: 'invalid_encoding' })
    }
  })

  test(`${takesMore ? 'may' : 'may not'} come in several members`, async () => {
    const twice = Buffer.concat([encoded, encoded])
    for (const pieces of [...atEverySplit(twice), byteByByte(twice)]) {
      const several = await decodedText(pieces, encoding)
      if (takesMore) expect(several).toBe(text + text)
      else expect(several).toMatch(/^invalid_encoding.*it is followed by \d+ other bytes$/)
    }
  })

  test('may have just the bytes that are allowed', async () => {
    expect(await decode([encoded], encoding, text.length)).toMatchObject({ bytes: text.length })
    expect(await decode([encoded], encoding, text.length - 1)).toMatchObject({ code: 'body_too_large', status: 413 })
  })

  test('is stopped at the limit, whatever it would become', async () => {
    const bomb = encode(Buffer.alloc(20 * mebibyte))
    const before = process.memoryUsage().arrayBuffers
    const result = await decode([bomb], encoding)
    expect(result).toMatchObject({ code: 'body_too_large', message: expect.stringContaining('1048576 bytes') })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * mebibyte)
  })

  test('damaged or not, gets one answer', { timeout: fuzzTimeoutMs }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.nat(), async (content, seed) => {
        const random = seededRandom(seed)
        const good = encode(Buffer.from(content))
        expect(await decodedText(randomPieces(good, random), encoding)).toBe(Buffer.from(content).toString())
        const result = await decode(randomPieces(mutate(good, random, anyByte), random), encoding, 10_000)
        if ('code' in result) expect(['invalid_encoding', 'body_too_large']).toContain(result.code)
        else expect(result.bytes).toBeLessThanOrEqual(10_000)
      }),
      { numRuns: Math.ceil(fuzzRuns / 10) },
    )
  })
})

describe('decoding', () => {
  test('never ends before the call returns', async () => {
    for (const pieces of [[], [Buffer.from('x')], [gzipSync('a')]]) {
      let isDone = false
      const done = new Promise<void>((resolve) => {
        decodeBody(pieces, 'gzip', 10, () => {
          isDone = true
          resolve()
        })
      })
      expect(isDone).toBe(false)
      await done
    }
  })

  test('says nothing after it is cancelled', async () => {
    const results: unknown[] = []
    const body = gzipSync(Buffer.alloc(mebibyte))
    decodeBody([body], 'gzip', 10, (result) => results.push(result))()
    await decode([body], 'gzip', 2 * mebibyte)
    expect(results).toEqual([])
  })

  test('of a zstd frame that asks for more than 8 MiB of window is refused', async () => {
    const pieces: Buffer[] = []
    const encoder = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: 24 } })
    encoder.on('data', (piece) => pieces.push(piece))
    await new Promise<void>((done) => {
      encoder.on('end', done)
      // Flushed before its end, so that the frame cannot know how little comes.
      encoder.write('a')
      encoder.flush(() => encoder.end('b'))
    })
    expect(await decodedText(pieces, 'zstd')).toMatch(/^invalid_encoding.*too much memory/)
  })

  test.each(['', 'compress', 'gzip, br', 'identity', 'toString', '__proto__'])('of "%s" is not known', (encoding) => {
    expect(isDecodable(encoding)).toBe(false)
    expect(() => decodeBody([], encoding, 1, () => {})).toThrow(`no decoder for ${encoding}`)
  })
})

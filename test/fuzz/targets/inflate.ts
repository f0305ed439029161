import { equal, ok } from 'node:assert/strict'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { type DecodedBody, decodeBody } from '../../../src/request/bodies/inflate.ts'
import type { Refusal } from '../../../src/request/errors.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { randomPieces, wholly } from '../pieces.ts'
import { seededRandom } from '../random.ts'
import { type BytesCase, defineTarget, toBytes, toText } from '../target.ts'

type InflateCase = BytesCase & { readonly encoding: string }

const encoders: readonly (readonly [string, (body: Buffer) => Buffer])[] = [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['deflate', deflateRawSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
]
const maxBytes = 10_000

const decode = (pieces: readonly Buffer[], encoding: string) =>
  new Promise<DecodedBody | Refusal>((done) => {
    decodeBody(pieces, encoding, maxBytes, done)
  })

export const inflate = defineTarget<InflateCase>({
  name: 'inflate',
  promise: 'compressed bodies are decoded, the same in any pieces and never beyond the limit, or refused',

  generate(random) {
    const [encoding, encode] = random.pick(encoders)
    const content = Buffer.from(
      random.pick(['{"model":"a"}', 'x', '', 'once upon a time ']).repeat(random.pick([1, 9, 5000])),
    )
    const good = encode(content)
    const bytes = random.chance(0.1) ? good : mutateBytes(good, random, [encode(Buffer.from('{}')), gzipSync('')])
    return { bytes: toText(bytes), cut: random.below(2 ** 31), encoding }
  },

  async check({ bytes, cut, encoding }) {
    const body = toBytes(bytes)
    const [whole, inPieces] = await Promise.all([
      decode(wholly(body), encoding),
      decode(randomPieces(body, seededRandom(cut)), encoding),
    ])
    if ('code' in whole) {
      ok(['invalid_encoding', 'body_too_large'].includes(whole.code), whole.code)
      // Of two faults the one that is met first is told.
      ok('code' in inPieces, 'decoded in pieces')
      return
    }
    ok(!('code' in inPieces), 'refused in pieces')
    ok(whole.bytes <= maxBytes)
    equal(inPieces.bytes, whole.bytes)
    ok(Buffer.concat(inPieces.pieces).equals(Buffer.concat(whole.pieces)))
  },
})

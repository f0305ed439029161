import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib'
import { type Refusal, refuse } from '../errors.ts'

/** A body without its Content-Encoding. */
export type DecodedBody = { readonly pieces: Buffer[]; readonly bytes: number }

const outputChunkBytes = 64 * 1024

/** What a frame may ask a decoder to keep: 8 MB (RFC 9659). Without this, Node lets a small frame ask for 128 MiB. */
const maxZstdWindowLog = 23

const openDecoder = {
  gzip: () => createGunzip({ chunkSize: outputChunkBytes }),
  'x-gzip': () => createGunzip({ chunkSize: outputChunkBytes }),
  deflate: (first: Buffer) =>
    hasZlibHeader(first)
      ? createInflate({ chunkSize: outputChunkBytes })
      : createInflateRaw({ chunkSize: outputChunkBytes }),
  br: () => createBrotliDecompress({ chunkSize: outputChunkBytes }),
  zstd: () =>
    createZstdDecompress({
      chunkSize: outputChunkBytes,
      params: { [constants.ZSTD_d_windowLogMax]: maxZstdWindowLog },
    }),
} as const

type Encoding = keyof typeof openDecoder

/** Whether {@link decodeBody} knows a Content-Encoding (lower case). Lists of several are not known. */
export const isDecodable = (encoding: string): encoding is Encoding => Object.hasOwn(openDecoder, encoding)

/**
 * Takes the Content-Encoding off a whole body, in zlib's threads. `done` is called once, never before this returns, with
 * the decoded pieces, or with why the client is refused: 400 for what is corrupt, cut off or followed by something else,
 * 413 for more than `maxBytes` of output. No more than that and one chunk is ever in memory, whatever the body claims.
 *
 * @param pieces not to be changed until `done`
 * @param encoding one that {@link isDecodable}
 * @returns cancels: `done` is not called any more
 */
export function decodeBody(
  pieces: readonly Buffer[],
  encoding: string,
  maxBytes: number,
  done: (result: DecodedBody | Refusal) => void,
): () => void {
  if (!isDecodable(encoding)) throw new TypeError(`no decoder for ${encoding}`)
  const encodedBytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const decoder = openDecoder[encoding](firstBytes(pieces))
  const decoded: Buffer[] = []
  let bytes = 0
  let isDone = false

  const finish = (result: DecodedBody | Refusal): void => {
    if (isDone) return
    isDone = true
    decoder.destroy()
    done(result)
  }
  const corrupt = (why: string): Refusal =>
    refuse('invalid_encoding', `the body is not what its Content-Encoding "${encoding}" says: ${why}`)

  decoder.on('data', (piece: Buffer) => {
    bytes += piece.length
    if (bytes <= maxBytes) decoded.push(piece)
    else {
      const limit = `the decoded body may have ${maxBytes} bytes (--max-body-bytes)`
      finish(refuse('body_too_large', `${limit}; of ${encodedBytes} bytes of ${encoding} come more`))
    }
  })
  decoder.on('error', (error) => finish(corrupt(error.message)))
  decoder.on('end', () => {
    // A server may take what follows for a part of the body, or for an error.
    const rest = encodedBytes - decoder.bytesWritten
    finish(rest > 0 ? corrupt(`it is followed by ${rest} other bytes`) : { pieces: decoded, bytes })
  })
  // Node would go on to another frame, which counts as what follows, where one write ends and the next one begins.
  if (encoding === 'zstd') decoder.write(Buffer.concat(pieces))
  else for (const piece of pieces) decoder.write(piece)
  decoder.end()

  return () => {
    isDone = true
    decoder.destroy()
  }
}

/** The first two bytes, as far as there are any. */
function firstBytes(pieces: readonly Buffer[]): Buffer {
  const first = pieces.findIndex((piece) => piece.length > 0)
  if (first < 0) return Buffer.alloc(0)
  return pieces[first].length > 1 ? pieces[first] : Buffer.concat(pieces.slice(first))
}

/** `deflate` means the zlib format (RFC 9110, section 8.4.1.2); some clients send it without that header. RFC 1950. */
function hasZlibHeader(bytes: Buffer): boolean {
  return bytes.length < 2 || ((bytes[0] & 0x0f) === 8 && bytes.readUInt16BE(0) % 31 === 0)
}

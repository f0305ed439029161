import { maxStreamedChunkBytes } from '../request/limits.ts'
import { type answer, encodeStreamedBodyOpening, type Metadata } from './encode.ts'

/** Where encoded messages and body bytes go, in order: the gRPC stream. */
export type ByteSink = { write(bytes: Buffer): void }

/**
 * Sends a body back in full duplex: chunks below Envoy's limit, made of views of what came in. The last chunk, and only
 * that one, has end_of_stream; a body that ends by trailers has none.
 */
export class DuplexBody {
  readonly #which: typeof answer.requestBody | typeof answer.responseBody
  readonly #out: ByteSink
  #pieces: Buffer[] = []
  #bytes = 0

  constructor(which: typeof answer.requestBody | typeof answer.responseBody, out: ByteSink) {
    this.#which = which
    this.#out = out
  }

  /** Takes bytes of the body; what is more than a chunk's worth goes out, the rest waits for {@link flush}. */
  push(piece: Buffer): void {
    let rest = piece
    while (this.#bytes + rest.length > maxStreamedChunkBytes) {
      const room = maxStreamedChunkBytes - this.#bytes
      this.#take(rest.subarray(0, room))
      rest = rest.subarray(room)
      this.#emit(false)
    }
    this.#take(rest)
  }

  /** Sends what waits. With `endOfStream` a chunk goes out in any case, as it carries the flag. */
  flush(endOfStream: boolean, metadata?: Metadata): void {
    if (this.#bytes > 0 || endOfStream) this.#emit(endOfStream, metadata)
  }

  #take(piece: Buffer): void {
    if (piece.length === 0) return
    this.#pieces.push(piece)
    this.#bytes += piece.length
  }

  #emit(endOfStream: boolean, metadata?: Metadata): void {
    this.#out.write(encodeStreamedBodyOpening(this.#which, this.#bytes, endOfStream, metadata))
    for (const piece of this.#pieces) this.#out.write(piece)
    this.#pieces = []
    this.#bytes = 0
  }
}

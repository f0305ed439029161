import {
  type BodyOpening,
  decodeBodyRest,
  decodeRequest,
  maxOpeningBytes,
  type ProcessingEvents,
  readBodyOpening,
} from './decode.ts'
import type { HeaderTable } from './headers.ts'

/** A gRPC status that ends the stream that caused it (grpc/status). */
export class GrpcError extends Error {
  override name = 'GrpcError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export const grpcStatus = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const

const prefixBytes = 5
const minGatherBytes = 64
const nothing = Buffer.alloc(0)

type State = 'prefix' | 'message' | 'body' | 'rest'

/**
 * Cuts the bytes of one gRPC stream into ProcessingRequests and tells their events. Several messages in one chunk and one
 * message over many chunks are alike to it. A message that arrives whole is decoded where it lies; of one that arrives in
 * parts the body is told piece by piece, and only the few bytes around it are gathered.
 */
export class MessageReader {
  readonly #table: HeaderTable
  readonly #events: ProcessingEvents
  readonly #maxMessageBytes: number
  #state: State = 'prefix'
  /** What has arrived of the prefix, message or rest that is being gathered. */
  #gathered: Buffer = nothing
  #gatheredBytes = 0
  #messageBytes = 0
  #bodyLeft = 0
  #restOfHttpBody = 0
  #isRequest = true
  #hasProtocolConfig = false

  constructor(table: HeaderTable, events: ProcessingEvents, maxMessageBytes: number) {
    this.#table = table
    this.#events = events
    this.#maxMessageBytes = maxMessageBytes
  }

  /** Takes `chunk[start, end)`. @throws GrpcError and MalformedMessage, after which the stream is to be ended and no more pushed. */
  push(chunk: Buffer, start = 0, end = chunk.length): void {
    let at = start
    while (at < end) {
      switch (this.#state) {
        case 'prefix':
          at = this.#readPrefix(chunk, at, end)
          break
        case 'message':
          at = this.#readMessage(chunk, at, end)
          break
        case 'body':
          at = this.#readBody(chunk, at, end)
          break
        case 'rest':
          at = this.#readRest(chunk, at, end)
          break
      }
    }
  }

  /** Whether the stream may end here: not in the middle of a message. */
  get isBetweenMessages(): boolean {
    return this.#state === 'prefix' && this.#gatheredBytes === 0
  }

  #readPrefix(chunk: Buffer, at: number, end: number): number {
    let prefix = chunk
    let start = at
    let next = at + prefixBytes
    if (this.#gatheredBytes > 0 || end < next) {
      next = Math.min(end, at + prefixBytes - this.#gatheredBytes)
      this.#gather(chunk, at, next, prefixBytes)
      if (this.#gatheredBytes < prefixBytes) return next
      prefix = this.#takeGathered()
      start = 0
    }
    if (prefix[start] !== 0) throw new GrpcError(grpcStatus.unimplemented, 'compressed gRPC messages are not supported')
    this.#messageBytes = prefix.readUInt32BE(start + 1)
    // A body is told as it comes, however long it is, and who is told may refuse it.
    if (!this.#hasProtocolConfig) this.#checkGathered(this.#messageBytes)
    this.#state = 'message'
    // An empty message has no bytes to wait for.
    if (this.#messageBytes === 0) this.#decode(prefix, 0, 0)
    return next
  }

  #readMessage(chunk: Buffer, at: number, end: number): number {
    const missing = this.#messageBytes - this.#gatheredBytes
    if (this.#gatheredBytes === 0 && end - at >= missing) {
      this.#decode(chunk, at, at + missing)
      return at + missing
    }
    // The first message is always gathered: its protocol_config, which comes last, says how its body is answered.
    if (this.#hasProtocolConfig && this.#gatheredBytes < maxOpeningBytes && this.#messageBytes > maxOpeningBytes) {
      return this.#readOpening(chunk, at, end)
    }
    const next = Math.min(end, at + missing)
    this.#gather(chunk, at, next, this.#messageBytes)
    if (this.#gatheredBytes === this.#messageBytes) {
      const message = this.#takeGathered()
      this.#decode(message, 0, message.length)
    }
    return next
  }

  /** Reads as much of a message as tells whether it is a body that can be told as it comes. */
  #readOpening(chunk: Buffer, at: number, end: number): number {
    if (this.#gatheredBytes === 0 && end - at >= maxOpeningBytes) {
      const opening = readBodyOpening(chunk, at, this.#messageBytes)
      if (opening !== undefined) return this.#beginBody(opening, at)
    }
    const next = Math.min(end, at + maxOpeningBytes - this.#gatheredBytes)
    this.#gather(chunk, at, next, this.#messageBytes)
    if (this.#gatheredBytes < maxOpeningBytes) return next
    const opening = readBodyOpening(this.#gathered, 0, this.#messageBytes)
    if (opening === undefined) {
      this.#checkGathered(this.#messageBytes)
      return next
    }
    const head = this.#takeGathered()
    this.push(head, this.#beginBody(opening, 0))
    return next
  }

  /** @returns where the body begins */
  #beginBody({ isRequest, bodyStart, bodyLength, restOfHttpBody }: BodyOpening, at: number): number {
    this.#isRequest = isRequest
    this.#bodyLeft = bodyLength
    this.#restOfHttpBody = restOfHttpBody
    this.#messageBytes -= bodyStart - at + bodyLength
    this.#checkGathered(this.#messageBytes)
    this.#state = 'body'
    return bodyStart
  }

  #checkGathered(bytes: number): void {
    if (bytes <= this.#maxMessageBytes) return
    throw new GrpcError(
      grpcStatus.resourceExhausted,
      `message of ${bytes} bytes, more than the limit of ${this.#maxMessageBytes}`,
    )
  }

  #decode(buffer: Buffer, start: number, end: number): void {
    this.#state = 'prefix'
    this.#hasProtocolConfig = true
    decodeRequest(buffer, start, end, this.#table, this.#events)
  }

  #readBody(chunk: Buffer, at: number, end: number): number {
    const next = Math.min(end, at + this.#bodyLeft)
    this.#bodyLeft -= next - at
    const piece = chunk.subarray(at, next)
    if (this.#bodyLeft === 0) this.#state = 'rest'
    if (piece.length > 0) {
      if (this.#isRequest) this.#events.requestBody(piece)
      else this.#events.responseBody(piece)
    }
    // Nothing after the body: a chunk in the middle, of a serialiser that leaves out what is false.
    if (this.#state === 'rest' && this.#messageBytes === 0) this.#decodeRest(chunk, 0, 0)
    return next
  }

  #readRest(chunk: Buffer, at: number, end: number): number {
    const missing = this.#messageBytes - this.#gatheredBytes
    const next = Math.min(end, at + missing)
    if (this.#gatheredBytes === 0 && next - at === missing) {
      this.#decodeRest(chunk, at, next)
    } else {
      this.#gather(chunk, at, next, this.#messageBytes)
      if (this.#gatheredBytes === this.#messageBytes) {
        const rest = this.#takeGathered()
        this.#decodeRest(rest, 0, rest.length)
      }
    }
    return next
  }

  #decodeRest(buffer: Buffer, start: number, end: number): void {
    this.#state = 'prefix'
    decodeBodyRest(buffer, start, end, this.#restOfHttpBody, this.#isRequest, this.#events)
  }

  /**
   * Copies, in a buffer that grows up to `wholeBytes`: a view would keep the chunk's whole memory alive for a few bytes,
   * and memory for a length that has only been declared would be a gift to attackers.
   */
  #gather(chunk: Buffer, start: number, end: number, wholeBytes: number): void {
    const size = this.#gatheredBytes + end - start
    if (size > this.#gathered.length) {
      const grown = Buffer.allocUnsafe(Math.max(size, Math.min(wholeBytes, 2 * this.#gathered.length + minGatherBytes)))
      this.#gathered.copy(grown, 0, 0, this.#gatheredBytes)
      this.#gathered = grown
    }
    chunk.copy(this.#gathered, this.#gatheredBytes, start, end)
    this.#gatheredBytes = size
  }

  #takeGathered(): Buffer {
    const whole = this.#gathered.subarray(0, this.#gatheredBytes)
    this.#gathered = nothing
    this.#gatheredBytes = 0
    return whole
  }
}

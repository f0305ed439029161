import type { Connection } from './connection.ts'
import { errorCode } from './errors.ts'
import { maxFrameBytes, maxStreamUnsentBytes, streamWindowBytes } from './limits.ts'

/** A piece that is less of the memory that it keeps alive is copied before it waits. */
const minKeptShare = 1 / 2

/** What serves a stream is told of what comes. It must not throw: it is the whole connection's turn. */
export type StreamListener = {
  /** Some bytes of the request's body, `chunk[start, end)`, never none. They may be kept. */
  data(chunk: Buffer, start: number, end: number): void
  /** The client has ended its side. */
  end(): void
  /** The stream is over, however it ended: the last call, and always made. Nothing that is written any more is sent. */
  closed(): void
}

/** A request and its answer, on the server's side (RFC 9113, section 5.1). */
export class ServerStream {
  readonly id: number
  readonly #connection: Connection
  #listener: StreamListener | undefined
  /** Bytes that the client takes on this stream. */
  #sendWindow: number
  /** Bytes that have come since the client was last told that there is room. */
  #unacknowledged = 0
  #hasAnswered = false
  #isRemoteEnded: boolean
  #isClosed = false
  /** Answers that no window has room for yet; the first from `#unsentStart` on. */
  #unsent: Buffer[] = []
  #unsentStart = 0
  #unsentBytes = 0
  /** How many of the first of them keep no more memory alive than they should. */
  #kept = 0
  /** The end of the answer, which comes after what is unsent. */
  #trailers: Buffer | undefined

  /**
   * @param sendWindow what the client's settings say, bytes
   * @param isRemoteEnded the request has no body
   */
  constructor(id: number, connection: Connection, sendWindow: number, isRemoteEnded: boolean) {
    this.id = id
    this.#connection = connection
    this.#sendWindow = sendWindow
    this.#isRemoteEnded = isRemoteEnded
  }

  /** Whether nothing that is written counts any more: the answer has been ended, or the stream has been reset. */
  get isOver(): boolean {
    return this.#isClosed || this.#trailers !== undefined
  }

  /** Whether {@link respond} has been called. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /** Bytes of the answer that wait for room with the client. */
  get unsentBytes(): number {
    return this.#unsentBytes
  }

  /** @param block encoded headers, of encodeHeaders() */
  respond(block: Buffer, isEnd = false): void {
    if (this.isOver) return
    this.#hasAnswered = true
    this.#connection.sendHeaders(this, block, isEnd)
    if (isEnd) this.#finish()
  }

  /** Bytes of the answer's body, kept until they are sent. */
  write(piece: Buffer): void {
    if (this.isOver || piece.length === 0) return
    this.#unsent.push(piece)
    this.#unsentBytes += piece.length
  }

  /** Sends what has been written, as far as there is room. */
  flush(): void {
    if (this.#unsentBytes > 0 && !this.#isClosed) this.#connection.sendSoon(this)
  }

  /** Ends the answer when all of it has been sent. @param block encoded trailers */
  end(block: Buffer): void {
    if (this.isOver) return
    this.#trailers = block
    this.#connection.sendSoon(this)
  }

  /** Ends the stream at once, both ways. */
  reset(code: number): void {
    if (this.#isClosed) return
    this.#connection.sendReset(this.id, code)
    this.close()
  }

  // What follows is between the stream and its connection.

  listen(listener: StreamListener): void {
    if (this.#isClosed) listener.closed()
    else this.#listener = listener
  }

  /** @returns false when there was no room for so much (RFC 9113, section 5.2.1) */
  received(bytes: number): boolean {
    this.#unacknowledged += bytes
    return this.#unacknowledged <= streamWindowBytes
  }

  data(chunk: Buffer, start: number, end: number): void {
    this.#listener?.data(chunk, start, end)
  }

  get isRemoteEnded(): boolean {
    return this.#isRemoteEnded
  }

  remoteEnded(): void {
    this.#isRemoteEnded = true
    if (!this.#isClosed) this.#listener?.end()
  }

  /** Tells the client that there is room for more, unless its answers pile up here or too little has come to be worth it. */
  acknowledge(): void {
    const bytes = this.#unacknowledged
    if (bytes < streamWindowBytes / 2 || this.#isRemoteEnded || this.#isClosed) return
    if (this.#unsentBytes > maxStreamUnsentBytes) return
    this.#unacknowledged = 0
    this.#connection.sendWindowUpdate(this.id, bytes)
  }

  /** The client has room for so many bytes more, or fewer. @returns false when that is more than there can be */
  widen(bytes: number): boolean {
    this.#sendWindow += bytes
    if (this.#sendWindow > 2 ** 31 - 1) return false
    if (this.#sendWindow > 0 && this.#unsentBytes > 0) this.#connection.sendSoon(this)
    return true
  }

  /**
   * Sends frames until nothing is left or there is no room.
   * @param maxBytes room on the connection
   * @returns bytes sent
   */
  send(maxBytes: number): number {
    let room = Math.min(maxBytes, this.#sendWindow, this.#unsentBytes)
    const sent = Math.max(room, 0)
    while (room > 0) {
      const length = Math.min(room, maxFrameBytes)
      this.#sendFrame(length)
      room -= length
    }
    if (this.#unsentBytes === 0 && this.#trailers !== undefined && !this.#isClosed) {
      this.#connection.sendHeaders(this, this.#trailers, true)
      this.#finish()
    } else if (sent > 0) this.acknowledge()
    return sent
  }

  /** What could not be sent at once is kept: copied, where it is a small part of what was received with it. */
  keep(): void {
    for (; this.#kept < this.#unsent.length; this.#kept++) {
      const piece = this.#unsent[this.#kept]
      if (piece.length < piece.buffer.byteLength * minKeptShare) this.#unsent[this.#kept] = Buffer.from(piece)
    }
  }

  #sendFrame(length: number): void {
    const { writer } = this.#connection
    writer.data(this.id, length)
    let left = length
    let index = 0
    while (left > 0) {
      const piece = this.#unsent[index]
      const end = Math.min(piece.length, this.#unsentStart + left)
      writer.dataPiece(piece, this.#unsentStart, end)
      left -= end - this.#unsentStart
      this.#unsentStart = end
      if (end < piece.length) continue
      this.#unsentStart = 0
      index++
    }
    if (index === this.#unsent.length) this.#unsent.length = 0
    else if (index > 0) this.#unsent.splice(0, index)
    this.#kept = Math.max(0, this.#kept - index)
    this.#unsentBytes -= length
    this.#sendWindow -= length
  }

  /** The whole answer has been sent: a client that goes on sending is told that nobody reads it (RFC 9113, section 8.1). */
  #finish(): void {
    if (!this.#isRemoteEnded) this.#connection.sendReset(this.id, errorCode.noError)
    this.close()
  }

  /** Whether it can send now if the connection can. */
  get wantsToSend(): boolean {
    if (this.#isClosed) return false
    return this.#unsentBytes > 0 ? this.#sendWindow > 0 : this.#trailers !== undefined
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#unsent = []
    this.#unsentBytes = 0
    this.#connection.forget(this)
    this.#listener?.closed()
  }
}

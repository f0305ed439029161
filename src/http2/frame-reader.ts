import { ConnectionError, errorCode } from './errors.ts'
import { flag, frameHeaderBytes, frameType, readUInt31 } from './frame.ts'
import { maxFrameBytes } from './limits.ts'

/** What the reader tells, in the order of the wire. */
export type FrameEvents = {
  /** The client's preface has come: it speaks HTTP/2. */
  preface(): void
  /** A DATA frame begins; its padding is not told. @param length bytes of its payload with padding, which is what windows count */
  dataBegins(streamId: number, length: number): void
  /** Some bytes of its data, `chunk[start, end)`, never none. The chunk is not used again by the reader. */
  data(chunk: Buffer, start: number, end: number): void
  dataEnds(isEndOfStream: boolean): void
  /** Any other frame, whole: its payload is `buffer[start, end)`, valid for the time of the call. */
  frame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** In the middle of what the last chunk ended. */
type State = 'preface' | 'header' | 'payload' | 'data'

/** Cuts the bytes of a connection into frames (RFC 9113, section 4.1). Data is told as it comes; all else is gathered. */
export class FrameReader {
  readonly #events: FrameEvents
  #state: State = 'preface'
  /** A header or a payload that arrives in parts. */
  readonly #gathered = Buffer.allocUnsafe(frameHeaderBytes + maxFrameBytes)
  #gatheredBytes = 0
  #length = 0
  #type = 0
  #flags = 0
  #streamId = 0
  /** Bytes of the DATA frame that have not come. */
  #dataLeft = 0

  constructor(events: FrameEvents) {
    this.#events = events
  }

  /** @throws ConnectionError, and what its events throw; no more may be pushed then */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      switch (this.#state) {
        case 'preface':
          at = this.#readPreface(chunk, at)
          break
        case 'header':
          at = this.#readHeader(chunk, at)
          break
        case 'payload':
          at = this.#readPayload(chunk, at)
          break
        case 'data':
          at = this.#readData(chunk, at)
          break
      }
    }
  }

  #readPreface(chunk: Buffer, at: number): number {
    const next = Math.min(chunk.length, at + preface.length - this.#gatheredBytes)
    const expected = preface.subarray(this.#gatheredBytes, this.#gatheredBytes + next - at)
    if (chunk.compare(expected, 0, expected.length, at, next) !== 0) {
      throw new ConnectionError(errorCode.protocolError, 'the client does not speak HTTP/2')
    }
    this.#gatheredBytes += next - at
    if (this.#gatheredBytes === preface.length) {
      this.#gatheredBytes = 0
      this.#state = 'header'
      this.#events.preface()
    }
    return next
  }

  #readHeader(chunk: Buffer, at: number): number {
    if (this.#gatheredBytes === 0 && chunk.length - at >= frameHeaderBytes) {
      this.#beginFrame(chunk, at)
      return at + frameHeaderBytes
    }
    const next = this.#gather(chunk, at, frameHeaderBytes)
    if (this.#gatheredBytes === frameHeaderBytes) {
      this.#gatheredBytes = 0
      this.#beginFrame(this.#gathered, 0)
    }
    return next
  }

  #beginFrame(buffer: Buffer, at: number): void {
    this.#length = (buffer[at] << 16) | (buffer[at + 1] << 8) | buffer[at + 2]
    this.#type = buffer[at + 3]
    this.#flags = buffer[at + 4]
    this.#streamId = readUInt31(buffer, at + 5)
    if (this.#length > maxFrameBytes) {
      throw new ConnectionError(
        errorCode.frameSizeError,
        `a frame of ${this.#length} bytes, more than ${maxFrameBytes}`,
      )
    }
    if (this.#type === frameType.data && (this.#flags & flag.padded) === 0) {
      this.#events.dataBegins(this.#streamId, this.#length)
      this.#dataLeft = this.#length
      this.#state = 'data'
      if (this.#length === 0) this.#endData()
    } else {
      this.#state = 'payload'
      if (this.#length === 0) this.#endPayload(buffer, 0, 0)
    }
  }

  #readData(chunk: Buffer, at: number): number {
    const next = Math.min(chunk.length, at + this.#dataLeft)
    this.#dataLeft -= next - at
    this.#events.data(chunk, at, next)
    if (this.#dataLeft === 0) this.#endData()
    return next
  }

  #endData(): void {
    this.#state = 'header'
    this.#events.dataEnds((this.#flags & flag.endStream) !== 0)
  }

  #readPayload(chunk: Buffer, at: number): number {
    if (this.#gatheredBytes === 0 && chunk.length - at >= this.#length) {
      this.#endPayload(chunk, at, at + this.#length)
      return at + this.#length
    }
    const next = this.#gather(chunk, at, this.#length)
    if (this.#gatheredBytes === this.#length) {
      this.#gatheredBytes = 0
      this.#endPayload(this.#gathered, 0, this.#length)
    }
    return next
  }

  #endPayload(buffer: Buffer, start: number, end: number): void {
    this.#state = 'header'
    if (this.#type !== frameType.data) {
      return this.#events.frame(this.#type, this.#flags, this.#streamId, buffer, start, end)
    }
    // Padded, which no gateway does: gathered, so that the padding is known before the data is told.
    const padding = start < end ? buffer[start] : 0
    if (padding >= end - start)
      throw new ConnectionError(errorCode.protocolError, 'padding that is longer than its frame')
    this.#events.dataBegins(this.#streamId, this.#length)
    // Who is told may keep it.
    const data = Buffer.from(buffer.subarray(start + 1, end - padding))
    if (data.length > 0) this.#events.data(data, 0, data.length)
    this.#events.dataEnds((this.#flags & flag.endStream) !== 0)
  }

  /** Copies up to `wholeBytes` in all. @returns where the rest of the chunk begins */
  #gather(chunk: Buffer, at: number, wholeBytes: number): number {
    const next = Math.min(chunk.length, at + wholeBytes - this.#gatheredBytes)
    chunk.copy(this.#gathered, this.#gatheredBytes, at, next)
    this.#gatheredBytes += next - at
    return next
  }
}

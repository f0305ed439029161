import type { Duplex } from 'node:stream'
import { flag, frameHeaderBytes, frameType, writeFrameHeader, writeUInt32 } from './frame.ts'
import { headerTableBytes, maxFrameBytes, maxSocketUnsentBytes } from './limits.ts'

/** Room for the frames of many streams, bytes. */
const batchBytes = 64 * 1024
/** Up to here copying bytes into the batch costs less than handing them over by reference. */
const maxCopiedBytes = 8 * 1024

/** HPACK's update to a dynamic table of no bytes (RFC 7541, section 6.3). */
const emptyTable = Buffer.of(0x20)

/** A batch that no socket needs any more, for the next connection that writes. */
let spareBatch: Buffer | undefined

/**
 * Gathers the frames of one connection and hands them to its socket in one piece, or a few when there is much data. The
 * owner calls {@link flush} when it has written what there was.
 */
export class FrameWriter {
  readonly #socket: Duplex
  #batch: Buffer | undefined
  /** The end of what has been written to the batch, and of what of it stands in `#pieces`. */
  #at = 0
  #takenAt = 0
  /** What stands before the rest of the batch. */
  #pieces: Buffer[] = []
  /** Of those that are not in the batch. */
  #piecesBytes = 0
  #owesTableSize = false

  constructor(socket: Duplex) {
    this.#socket = socket
  }

  /** More than may be has been written and has not left. */
  get isCongested(): boolean {
    return this.#at + this.#piecesBytes + this.#socket.writableLength > maxSocketUnsentBytes
  }

  /** HEADERS with a whole header block, which is shorter than a frame. */
  headers(streamId: number, block: Buffer, isEndOfStream: boolean): void {
    const flags = flag.endHeaders | (isEndOfStream ? flag.endStream : 0)
    if (this.#owesTableSize) {
      this.#owesTableSize = false
      this.headers(streamId, Buffer.concat([emptyTable, block]), isEndOfStream)
      return
    }
    const at = this.#frame(block.length, frameType.headers, flags, streamId)
    this.#batch!.set(block, at)
  }

  /** The client's decoder has a header table of so many bytes. Ours are encoded without one, but less than before it must be told. */
  headerTableLimited(bytes: number): void {
    if (bytes < headerTableBytes) this.#owesTableSize = true
  }

  /** The header of a DATA frame; its `length` bytes follow in calls of {@link dataPiece}. */
  data(streamId: number, length: number): void {
    this.#reserve(frameHeaderBytes)
    this.#at = writeFrameHeader(this.#batch!, this.#at, length, frameType.data, 0, streamId)
  }

  /** Kept until it is sent, when it is large. */
  dataPiece(source: Buffer, start: number, end: number): void {
    const length = end - start
    if (length <= maxCopiedBytes) {
      this.#reserve(length)
      // Of a whole buffer it costs a third.
      if (length === source.length) this.#batch!.set(source, this.#at)
      else source.copy(this.#batch!, this.#at, start, end)
      this.#at += length
      return
    }
    this.#take()
    this.#pieces.push(source.subarray(start, end))
    this.#piecesBytes += length
  }

  rstStream(streamId: number, code: number): void {
    const at = this.#frame(4, frameType.rstStream, 0, streamId)
    writeUInt32(this.#batch!, at, code)
  }

  windowUpdate(streamId: number, increment: number): void {
    const at = this.#frame(4, frameType.windowUpdate, 0, streamId)
    writeUInt32(this.#batch!, at, increment)
  }

  /** @param values identifiers and values (RFC 9113, section 6.5.2) */
  settings(values: readonly (readonly [identifier: number, value: number])[]): void {
    let at = this.#frame(6 * values.length, frameType.settings, 0, 0)
    for (const [identifier, value] of values) {
      this.#batch!.writeUInt16BE(identifier, at)
      writeUInt32(this.#batch!, at + 2, value)
      at += 6
    }
  }

  settingsAck(): void {
    this.#frame(0, frameType.settings, flag.ack, 0)
  }

  /** @param source with the eight bytes of the PING that is answered at `at` */
  pingAck(source: Buffer, at: number): void {
    const target = this.#frame(8, frameType.ping, flag.ack, 0)
    source.copy(this.#batch!, target, at, at + 8)
  }

  goaway(lastStreamId: number, code: number, message: string): void {
    const debug = Buffer.from(message).subarray(0, maxFrameBytes - 8)
    const at = this.#frame(8 + debug.length, frameType.goaway, 0, 0)
    writeUInt32(this.#batch!, at, lastStreamId)
    writeUInt32(this.#batch!, at + 4, code)
    debug.copy(this.#batch!, at + 8)
  }

  /** Hands what has been written to the socket. */
  flush(): void {
    if (this.#at === 0) return
    const socket = this.#socket
    const batch = this.#batch!
    if (this.#pieces.length === 0) socket.write(batch.subarray(0, this.#at))
    else {
      this.#take()
      socket.cork()
      for (const piece of this.#pieces) socket.write(piece)
      socket.uncork()
      this.#pieces = []
      this.#piecesBytes = 0
    }
    this.#at = 0
    this.#takenAt = 0
    this.#batch = undefined
    // All of it is with the kernel already: nobody reads these bytes again.
    if (socket.writableLength === 0) spareBatch = batch
  }

  /** @returns where the payload is to be written, which there is room for */
  #frame(length: number, type: number, flags: number, streamId: number): number {
    this.#reserve(frameHeaderBytes + length)
    const at = writeFrameHeader(this.#batch!, this.#at, length, type, flags, streamId)
    this.#at = at + length
    return at
  }

  #reserve(bytes: number): void {
    if (this.#batch !== undefined && this.#at + bytes <= batchBytes) return
    this.flush()
    this.#batch = spareBatch ?? Buffer.allocUnsafeSlow(batchBytes)
    spareBatch = undefined
  }

  /** What has been written so far stands before what comes. */
  #take(): void {
    if (this.#at === this.#takenAt) return
    this.#pieces.push(this.#batch!.subarray(this.#takenAt, this.#at))
    this.#takenAt = this.#at
  }
}

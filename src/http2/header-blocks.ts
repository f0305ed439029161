import { ConnectionError, errorCode } from './errors.ts'
import { flag } from './frame.ts'
import { HpackDecoder } from './hpack/decoder.ts'
import { maxContinuations, maxHeaderBlockBytes } from './limits.ts'

/** Puts header blocks together from HEADERS and CONTINUATION frames (RFC 9113, section 4.3) and decodes them. */
export class HeaderBlocks {
  readonly #decoder = new HpackDecoder()
  /** Name, value, name, value, … of the last block. */
  readonly headers: string[] = []
  /** Of the last block; 0 before any. */
  streamId = 0
  isEndOfStream = false
  /** More headers than may be: `headers` has only some. */
  isOverlong = false
  #parts: Buffer[] = []
  #partsBytes = 0
  #isOpen = false

  /** Nothing but CONTINUATION of {@link streamId} may come now. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** A HEADERS frame, its payload in `buffer[start, end)`. @returns whether the block is complete. @throws ConnectionError */
  begin(streamId: number, flags: number, buffer: Buffer, start: number, end: number): boolean {
    this.streamId = streamId
    this.isEndOfStream = (flags & flag.endStream) !== 0
    let from = start
    let to = end
    if (flags & flag.padded) to -= from < to ? buffer[from++] : 1
    if (flags & flag.priority) from += priorityBytes
    if (from > to) throw new ConnectionError(errorCode.protocolError, 'HEADERS shorter than their padding or priority')
    return this.#add(flags, buffer, from, to)
  }

  /** A CONTINUATION frame. @returns whether the block is complete. @throws ConnectionError */
  continue(flags: number, buffer: Buffer, start: number, end: number): boolean {
    return this.#add(flags, buffer, start, end)
  }

  #add(flags: number, buffer: Buffer, start: number, end: number): boolean {
    const isComplete = (flags & flag.endHeaders) !== 0
    if (isComplete && !this.#isOpen) {
      this.isOverlong = !this.#decoder.decode(buffer, start, end, this.headers)
      return true
    }
    this.#isOpen = !isComplete
    this.#parts.push(Buffer.from(buffer.subarray(start, end)))
    this.#partsBytes += end - start
    if (this.#partsBytes > maxHeaderBlockBytes || this.#parts.length > maxContinuations + 1) {
      throw new ConnectionError(errorCode.enhanceYourCalm, 'headers without end')
    }
    if (!isComplete) return false
    const whole = Buffer.concat(this.#parts, this.#partsBytes)
    this.#parts = []
    this.#partsBytes = 0
    this.isOverlong = !this.#decoder.decode(whole, 0, whole.length, this.headers)
    return true
  }
}

/** Exclusive bit, stream and weight: deprecated, and nothing here depends on them. */
const priorityBytes = 5

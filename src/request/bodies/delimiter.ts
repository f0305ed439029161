/**
 * Finds the delimiter of a multipart body, CR LF "--" boundary (RFC 2046, section 5.1.1), in chunks that may cut it
 * anywhere. It looks for the dashes and the boundary and tells whether the line break stands before them: without it they
 * must not occur in content, and a server that is content with less (a bare LF) must not see parts that are not seen here.
 */
export class DelimiterSearch {
  /** "--" boundary */
  readonly #dashed: Buffer
  /** The last bytes before the chunk, with room for the first of the chunk after them. */
  readonly #window: Buffer
  #kept = 0

  /** CR LF "--" boundary */
  readonly delimiter: Buffer
  /** What was found last has its line break. */
  isAtLineStart = false

  constructor(boundary: string) {
    this.delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
    this.#dashed = this.delimiter.subarray(2)
    // A cut boundary leaves at most its length less one before the chunk, and a line break is two bytes.
    this.#window = Buffer.allocUnsafe(2 * (this.#dashed.length + 1))
    this.begin()
  }

  /** The next search begins where a line does. */
  begin(): void {
    this.#window[0] = 0x0d
    this.#window[1] = 0x0a
    this.#kept = 2
  }

  /** The first byte after the boundary in `chunk`, searched from `at` on; -1 when the chunk does not have it (yet). */
  find(chunk: Buffer, at: number): number {
    const dashed = this.#dashed
    const window = this.#window
    const kept = this.#kept
    // First those that begin before the chunk, or so early in it that their line break is before it.
    const head = Math.min(chunk.length - at, dashed.length + 1)
    chunk.copy(window, kept, at, at + head)
    const near = window.subarray(0, kept + head).indexOf(dashed)
    if (near >= 0) {
      this.isAtLineStart = isLineStart(window, near)
      return at + near - kept + dashed.length
    }
    const far = chunk.indexOf(dashed, at)
    if (far < 0) {
      this.#keep(chunk, at, kept + head)
      return -1
    }
    this.isAtLineStart = isLineStart(chunk, far)
    return far + dashed.length
  }

  /** Keeps the last bytes: those of the chunk when it has enough, else those of the window, which ends as the chunk does. */
  #keep(chunk: Buffer, at: number, windowEnd: number): void {
    const most = this.#dashed.length + 1
    if (chunk.length - at >= most) {
      chunk.copy(this.#window, 0, chunk.length - most)
      this.#kept = most
      return
    }
    this.#kept = Math.min(windowEnd, most)
    this.#window.copyWithin(0, windowEnd - this.#kept, windowEnd)
  }
}

const isLineStart = (bytes: Buffer, at: number): boolean => at >= 2 && bytes[at - 2] === 0x0d && bytes[at - 1] === 0x0a

/** Pieces smaller than this share of the memory that they keep alive are copied together. */
const minUsedShare = 1 / 4
const minPageBytes = 4 * 1024
const maxPageBytes = 64 * 1024

/**
 * Body bytes that wait for a decision, in order. Large pieces are held as they are; small ones are copied into pages, as a
 * view of a few bytes would keep a whole receive buffer alive.
 */
export class HeldBody {
  #pieces: Buffer[] = []
  /** The page at the end of {@link #pieces} that small pieces are copied to, and how much of it is filled. */
  #page: Buffer | undefined
  #pageBytes = 0
  /** Offset in the body of the first held byte. */
  start = 0
  /** Offset in the body of the byte after the last held one. */
  end = 0

  add(piece: Buffer): void {
    this.end += piece.length
    if (piece.length >= piece.buffer.byteLength * minUsedShare) {
      this.#closePage()
      this.#pieces.push(piece)
      return
    }
    let from = 0
    while (from < piece.length) {
      if (this.#page === undefined || this.#pageBytes === this.#page.length) this.#openPage(piece.length - from)
      const copied = piece.copy(this.#page!, this.#pageBytes, from)
      this.#pageBytes += copied
      from += copied
    }
  }

  /** Pages grow with what is held, so that a small body costs little and a large one few of them. */
  #openPage(bytes: number): void {
    this.#closePage()
    const size = Math.max(bytes, Math.min(maxPageBytes, Math.max(minPageBytes, this.end - this.start)))
    this.#page = Buffer.allocUnsafeSlow(size)
    this.#pageBytes = 0
    this.#pieces.push(this.#page)
  }

  #closePage(): void {
    if (this.#page === undefined) return
    this.#pieces[this.#pieces.length - 1] = this.#page.subarray(0, this.#pageBytes)
    this.#page = undefined
  }

  /** What is held, as it lies. */
  get pieces(): readonly Buffer[] {
    this.#closePage()
    return this.#pieces
  }

  /** Gives away the bytes before body offset `end`, which are held no longer. */
  take(end: number): Buffer[] {
    this.#closePage()
    const taken: Buffer[] = []
    while (this.start < end) {
      const piece = this.#pieces[0]
      const wanted = end - this.start
      if (piece.length <= wanted) {
        taken.push(piece)
        this.#pieces.shift()
        this.start += piece.length
      } else {
        taken.push(piece.subarray(0, wanted))
        this.#pieces[0] = piece.subarray(wanted)
        this.start = end
      }
    }
    return taken
  }

  /** Holds the bytes before body offset `end` no longer. */
  release(end: number): void {
    if (end === this.end) this.drop()
    else this.take(end)
  }

  /** Passes over `bytes` that went on without being held. Only while nothing is held. */
  skip(bytes: number): void {
    this.start += bytes
    this.end += bytes
  }

  drop(): void {
    this.#pieces = []
    this.#page = undefined
    this.start = this.end
  }
}

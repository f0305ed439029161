import type { HeldMemory } from './held-memory.ts'

/** A piece that is a smaller share of its receive buffer is copied at once, one of these bytes or more is not. */
const minUsedShare = 1 / 4
const minViewBytes = 4 * 1024

/** Where less of a receive buffer turns out to be of this body, its pieces are copied, and the buffer is let go of. */
const minKeptShare = 1 / 2

const minPageBytes = 4 * 1024
const maxPageBytes = 64 * 1024

/**
 * Body bytes that wait for a decision, in order. They are held as they came, as long as that keeps little else alive: streams
 * share receive buffers, so that pieces which are small, or between those of other streams, are copied into pages. So a body
 * takes at most twice its size, and the last receive buffer.
 */
export class HeldBody {
  #pieces: Buffer[] = []
  /** The page that is being filled, and how far; {@link #pieces} has it before the {@link #run}. */
  #page: Buffer | undefined
  #pageBytes = 0
  /** How many of the last pieces are views into one receive buffer of which more may come, and their bytes. */
  #run = 0
  #runBytes = 0
  readonly #memory: HeldMemory
  /** Memory that is kept alive, bytes: pages and receive buffers, each once. */
  memoryBytes = 0
  /** Offset in the body of the first held byte. */
  start = 0
  /** Offset in the body of the byte after the last held one. */
  end = 0

  /** @param memory where it is counted until it is taken or dropped */
  constructor(memory: HeldMemory) {
    this.#memory = memory
  }

  add(piece: Buffer): void {
    if (piece.length === 0) return
    const isFirst = this.end === this.start
    this.end += piece.length
    if (this.#pieces.at(-1)?.buffer === piece.buffer) {
      this.#pieces.push(piece)
      if (this.#run > 0) this.#run += 1
      this.#runBytes += piece.length
      return
    }
    this.#endRun()
    const bufferBytes = piece.buffer.byteLength
    if ((piece.length < minViewBytes && !isFirst) || piece.length < bufferBytes * minUsedShare) return this.#copy(piece)
    this.#pieces.push(piece)
    this.#run = 1
    this.#runBytes = piece.length
    this.#count(bufferBytes)
  }

  /** No more of the last receive buffer comes: its pieces stay as they are, or are copied. */
  #endRun(): void {
    if (this.#run === 0) return
    const bufferBytes = this.#pieces[this.#pieces.length - 1].buffer.byteLength
    if (this.#runBytes >= bufferBytes * minKeptShare) return this.#closePage()
    const views = this.#pieces.splice(-this.#run)
    this.#run = 0
    this.#count(-bufferBytes)
    for (const view of views) this.#copy(view)
  }

  /** Only while there is no run. */
  #copy(piece: Buffer): void {
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
    this.#count(size)
  }

  /** What is held stays as it is: the page takes no more, and the run is none. */
  #closePage(): void {
    const index = this.#pieces.length - this.#run - 1
    this.#run = 0
    const page = this.#page
    if (page === undefined) return
    this.#page = undefined
    let filled = page.subarray(0, this.#pageBytes)
    if (filled.length < page.length * minKeptShare) {
      this.#count(filled.length - page.length)
      const copy = Buffer.allocUnsafeSlow(filled.length)
      filled.copy(copy)
      filled = copy
    }
    this.#pieces[index] = filled
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
        if (this.#pieces[0]?.buffer !== piece.buffer) this.#count(-piece.buffer.byteLength)
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
    this.#run = 0
    this.start = this.end
    this.#count(-this.memoryBytes)
  }

  #count(bytes: number): void {
    this.memoryBytes += bytes
    this.#memory.bytes += bytes
  }
}

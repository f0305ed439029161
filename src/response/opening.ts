/** Longest beginning that is kept, bytes. */
const maxBytes = 1024

/** How often a beginning is taken. In streams that number their events each one begins in another way. */
const maxTakes = 4

/** Where in the structure of a document a place is, with all that has been told up to there. */
export type Standing = {
  readonly containers: number
  readonly depth: number
  readonly places: number
  readonly placeDepth: number
  readonly member: number
  readonly told: number
}

/**
 * The bytes up to the first generated text of an event's document, and where they lead. The events of one stream mostly begin
 * alike, and comparing bytes is a lot faster than reading them.
 */
export class Opening {
  #bytes: Buffer | undefined
  #takesLeft = maxTakes
  /** Where the bytes lead to; undefined as long as there are none. */
  standing: Standing | undefined
  /** Where among the bytes the content of a model value is; -1 when there is none. */
  modelStart = -1
  modelEnd = -1

  get length(): number {
    return this.#bytes?.length ?? 0
  }

  /** Whether the bytes of `piece` from `at` to before `end` begin like this. */
  isAt(piece: Buffer, at: number, end: number): boolean {
    const bytes = this.#bytes
    if (bytes === undefined || end - at < bytes.length) return false
    // The last bytes tell most streams whose events do not begin alike, without a call into native comparison.
    const length = bytes.length
    const last = at + length - 1
    if (piece[last] !== 0x22 || piece[last - 1] !== bytes[length - 2]) return false
    return piece.compare(bytes, 0, length, at, at + length) === 0
  }

  canTake(length: number): boolean {
    return this.#takesLeft > 0 && length <= maxBytes
  }

  take(bytes: Buffer, standing: Standing, modelStart: number, modelEnd: number): void {
    this.#takesLeft--
    this.#bytes = Buffer.from(bytes)
    this.standing = standing
    this.modelStart = modelStart
    this.modelEnd = modelEnd
  }
}

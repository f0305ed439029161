/** Longest stretch that is kept, bytes. */
const maxBytes = 1024

/** Up to here a comparison byte by byte costs less than a native one. */
const nativeCompareBytes = 64

/** How often a stretch is taken. In streams that number their events each one begins in another way. */
const maxTakes = 4

/** Where in the structure of a document a place is, with all that has been told on the way there. */
export type Standing = {
  readonly state: number
  readonly containers: number
  readonly depth: number
  readonly places: number
  readonly placeDepth: number
  readonly member: number
  readonly told: number
}

/**
 * Bytes that stand at the same place of one event's document after the other, and where they lead. The events of one stream
 * mostly differ in the generated text only, and comparing bytes is a lot faster than reading them.
 */
export class KnownStretch {
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
    // The last bytes tell most streams whose events are not alike, without a call into native comparison.
    const length = bytes.length
    const last = at + length - 1
    if (piece[last] !== bytes[length - 1] || piece[last - 1] !== bytes[length - 2]) return false
    if (length > nativeCompareBytes) return piece.compare(bytes, 0, length, at, at + length) === 0
    for (let index = 0; index < length; index++) if (piece[at + index] !== bytes[index]) return false
    return true
  }

  canTake(length: number): boolean {
    return this.#takesLeft > 0 && length > 1 && length <= maxBytes
  }

  take(bytes: Buffer, standing: Standing, modelStart: number, modelEnd: number): void {
    this.#takesLeft--
    this.#bytes = Buffer.from(bytes)
    this.standing = standing
    this.modelStart = modelStart
    this.modelEnd = modelEnd
  }

  /** What stands before it has changed. */
  forget(): void {
    this.#bytes = undefined
  }
}

/** What the documents of one stream have in common around their first generated text. */
export class KnownEvent {
  /** From the document's begin into the first string that tells something. */
  readonly opening = new KnownStretch()
  /** From behind that string's closing quote to the document's end, or into its usage. Holds after {@link opening} only. */
  readonly closing = new KnownStretch()
}

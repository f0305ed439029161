/** Of a prompt that is kept for traces, bytes. */
export const maxPromptTextBytes = 8 * 1024

/** The leading part of a prompt as it was sent, in JSON, while it passes. */
export class PromptText {
  readonly #pieces: Buffer[] = []
  #bytes = 0
  /** There was more of it than is kept. */
  isCut = false

  /** `piece[start, end)` is the next of it. Copied: the piece lies in memory that is much larger. */
  push(piece: Buffer, start: number, end: number): void {
    const free = maxPromptTextBytes - this.#bytes
    if (end - start > free) this.isCut = true
    const last = Math.min(end, start + free)
    if (last <= start) return
    this.#pieces.push(Buffer.from(piece.subarray(start, last)))
    this.#bytes += last - start
  }

  /** UTF-8; a character that is cut is left out. */
  get text(): string {
    return new TextDecoder().decode(Buffer.concat(this.#pieces), { stream: this.isCut })
  }
}

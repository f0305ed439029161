/**
 * Gives every top-level `model` of a body the same value while the body passes, piece by piece. All other bytes go through
 * as they are, by reference. A value that is replaced is left out as its bytes come, so nothing is held back for its end.
 */
export class ModelSplicer {
  readonly #spans: readonly number[]
  readonly #literal: Buffer
  #next: number

  /**
   * @param spans start and end offsets of the values, flat; it may grow, and the last may be open, as the scanner reads on
   * @param literal the value that they get, as JSON
   * @param keepsFirst the first value is right as it is
   */
  constructor(spans: readonly number[], literal: Buffer, keepsFirst: boolean) {
    this.#spans = spans
    this.#literal = literal
    this.#next = keepsFirst ? 2 : 0
  }

  /** Whether bytes before `end` have still to be changed. */
  changesBefore(end: number): boolean {
    return this.#next < this.#spans.length && this.#spans[this.#next] < end
  }

  /** Bytes that the values known so far, from the next one on, make the body longer (or shorter, when negative). */
  lengthChange(): number {
    let change = 0
    for (let i = this.#next; i + 1 < this.#spans.length; i += 2) {
      change += this.#literal.length - (this.#spans[i + 1] - this.#spans[i])
    }
    return change
  }

  /** Appends to `out` what the piece at body offset `offset` becomes. The scanner must have read it. */
  splice(piece: Buffer, offset: number, out: Buffer[]): void {
    const end = offset + piece.length
    let at = offset
    while (this.changesBefore(end)) {
      const start = this.#spans[this.#next]
      if (start >= at) {
        if (start > at) out.push(piece.subarray(at - offset, start - offset))
        out.push(this.#literal)
      }
      const stop = this.#next + 1 < this.#spans.length ? this.#spans[this.#next + 1] : Number.POSITIVE_INFINITY
      if (stop > end) return
      at = stop
      this.#next += 2
    }
    if (at === offset) out.push(piece)
    else if (at < end) out.push(piece.subarray(at - offset))
  }
}

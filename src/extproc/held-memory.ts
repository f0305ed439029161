/** The memory that the held bodies of all streams keep alive, and the limit that they share. */
export class HeldMemory {
  readonly #maxBytes: number
  /** As much as is held now. Who holds adds to it, and subtracts the same when it lets go. */
  bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /**
   * Whether a stream that holds `ownBytes` (counted in {@link bytes}) may go on. It may hold no more than is left for others: the
   * fuller it gets, the smaller are those that are turned away, and there is always room for one more small one ("dynamic
   * thresholds", as switches with a shared buffer have them: Choudhury and Hahne, 1998).
   */
  allows(ownBytes: number): boolean {
    return ownBytes === 0 || ownBytes <= this.#maxBytes - this.bytes
  }
}

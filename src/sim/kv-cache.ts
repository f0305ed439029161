/** What an engine keeps of one prompt while its sequence runs. */
export type Lease = {
  /** Blocks of the prompt that were there already. */
  readonly cachedBlocks: number
  /** The keys of the blocks that are held, those included. */
  readonly held: readonly number[]
}

/**
 * The KV cache of prompts, in blocks, as vLLM's prefix caching keeps it: a block is found by the whole prompt up to its end,
 * sequences with the same beginning share blocks, and what no running sequence holds stays until its room is needed, the
 * least recently used first. Blocks that find no room are not kept; that a real engine would let the sequence wait for
 * room is not simulated.
 */
export class KvCache {
  readonly #capacity: number
  /** Holders of each block that running sequences hold. */
  readonly #held = new Map<number, number>()
  /** Blocks that nobody holds, the least recently used first. */
  readonly #idle = new Set<number>()

  /** @param capacity in blocks */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Different blocks that running sequences hold. */
  get heldBlocks(): number {
    return this.#held.size
  }

  /**
   * Holds the blocks of a prompt, and says how many of its first ones were there.
   * @param keys of its whole blocks, see prompt-blocks.ts
   * @param mostCached as many at most count as found: the last token of a prompt is always computed
   */
  take(keys: readonly number[], mostCached: number): Lease {
    let cachedBlocks = 0
    while (cachedBlocks < Math.min(keys.length, mostCached) && this.#has(keys[cachedBlocks])) cachedBlocks++
    const held: number[] = []
    for (const key of keys) {
      const holders = this.#held.get(key)
      if (holders === undefined && !this.#idle.delete(key) && !this.#makeRoom()) break
      this.#held.set(key, (holders ?? 0) + 1)
      held.push(key)
    }
    return { cachedBlocks, held }
  }

  /** Lets go of what {@link take} gave. */
  release({ held }: Lease): void {
    // From the end, so that the beginnings of prompts, which others may share, are the last to go.
    for (let i = held.length - 1; i >= 0; i--) {
      const others = this.#held.get(held[i])! - 1
      if (others > 0) this.#held.set(held[i], others)
      else {
        this.#held.delete(held[i])
        this.#idle.add(held[i])
      }
    }
  }

  #has(key: number): boolean {
    return this.#held.has(key) || this.#idle.has(key)
  }

  /** @returns whether one more block has room, for which an idle one may have gone. */
  #makeRoom(): boolean {
    if (this.#held.size + this.#idle.size < this.#capacity) return true
    const { value: oldest, done } = this.#idle.values().next()
    return !done && this.#idle.delete(oldest)
  }
}

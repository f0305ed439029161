import type { Endpoint } from '../../pool/endpoint.ts'
import type { PromptPrefix } from '../plugin.ts'
import { BlockCache } from './block-cache.ts'
import { blocksWithin, endOfBlock, maxBlocks } from './blocks.ts'

/** What the index keeps of one endpoint. */
type Holding = {
  readonly cache: BlockCache
  /** How much of its capacity the server seems to have for prompts, as its usage tells: it caches answers as well, for one. */
  share: number
}

/** A server that has much less than it should loses a tenth of what it is thought to have … */
const shareLost = 0.9
/** … and gets it back in so small steps that one disappointment in twenty keeps the balance. */
const shareWon = 1.005
const smallestShare = 1 / 64

/**
 * Which endpoint probably has which leading parts of prompts in its cache: those that this process has sent there, as many
 * bytes as the cache is thought to hold.
 */
export class PrefixIndex {
  readonly #holdings = new WeakMap<Endpoint, Holding>()
  readonly #capacityBytes: (endpoint: Endpoint) => number
  /** The caches of all candidates together: most requests of a pool have the same array, and a WeakMap is slow to ask. */
  readonly #caches = new WeakMap<readonly Endpoint[], readonly BlockCache[]>()
  /** The keys of the prompt at hand. */
  readonly #chain = new Float64Array(maxBlocks)
  /** How many of them the prompt had that was added last. */
  #added = 0

  /** @param capacityBytes how many bytes of prompts the cache of an endpoint holds */
  constructor(capacityBytes: (endpoint: Endpoint) => number) {
    this.#capacityBytes = capacityBytes
  }

  /** Blocks that `endpoint` is thought to have. */
  entriesOf(endpoint: Endpoint): number {
    return this.#holdings.get(endpoint)?.cache.size ?? 0
  }

  /**
   * Writes to `matched[i]` how many of the first `maxBytes` of the prompt `candidates[i]` has. Returns how many it can have.
   * @param candidates an array that is never altered
   */
  match(
    prompt: PromptPrefix,
    model: string,
    maxBytes: number,
    candidates: readonly Endpoint[],
    matched: Float64Array,
  ): number {
    const count = this.#readChain(prompt, model, maxBytes)
    const caches = this.#cachesOf(candidates)
    for (let i = 0; i < caches.length; i += 1) {
      const blocks = caches[i].matchedBlocks(this.#chain, count)
      matched[i] = blocks === 0 ? 0 : endOfBlock(blocks - 1)
    }
    return endOfBlock(count - 1)
  }

  /** The endpoint gets the prompt. Returns how many bytes of it the endpoint is thought to have had before. */
  add(prompt: PromptPrefix, model: string, endpoint: Endpoint): number {
    const count = this.#readChain(prompt, model, Number.POSITIVE_INFINITY)
    this.#added = count
    const holding = this.#holdingOf(endpoint)
    const had = holding.cache.matchedBlocks(this.#chain, count)
    holding.cache.touch(this.#chain, count, this.#capacityBytes(endpoint) * holding.share)
    return endOfBlock(had - 1)
  }

  /** A copy of the keys of the prompt that was added last, for {@link learn} of an index elsewhere. */
  get added(): Float64Array {
    return this.#chain.slice(0, this.#added)
  }

  /** How many bytes of that prompt are in blocks. */
  get addedBytes(): number {
    return endOfBlock(this.#added - 1)
  }

  /** The endpoint has got a prompt with these keys. */
  learn(keys: Float64Array, endpoint: Endpoint): void {
    const { cache, share } = this.#holdingOf(endpoint)
    cache.touch(keys, keys.length, this.#capacityBytes(endpoint) * share)
  }

  /** The server had `cachedBytes` of a prompt, of which it was thought to have `assumedBytes`. */
  correct(endpoint: Endpoint, assumedBytes: number, cachedBytes: number): void {
    const holding = this.#holdingOf(endpoint)
    if (cachedBytes >= assumedBytes / 2) {
      holding.share = Math.min(1, holding.share * shareWon)
      return
    }
    holding.share = Math.max(smallestShare, holding.share * shareLost)
    // What was sent last is there now, whatever was there before: what is too much is the oldest.
    holding.cache.shrink(this.#capacityBytes(endpoint) * holding.share)
  }

  #cachesOf(candidates: readonly Endpoint[]): readonly BlockCache[] {
    let caches = this.#caches.get(candidates)
    if (caches === undefined) {
      caches = candidates.map((endpoint) => this.#holdingOf(endpoint).cache)
      this.#caches.set(candidates, caches)
    }
    return caches
  }

  #holdingOf(endpoint: Endpoint): Holding {
    let holding = this.#holdings.get(endpoint)
    if (holding === undefined) {
      holding = { cache: new BlockCache(), share: 1 }
      this.#holdings.set(endpoint, holding)
    }
    return holding
  }

  #readChain(prompt: PromptPrefix, model: string, maxBytes: number): number {
    const count = Math.min(prompt.blocks, maxBytes >= endOfBlock(maxBlocks - 1) ? maxBlocks : blocksWithin(maxBytes))
    for (let block = 0; block < count; block += 1) this.#chain[block] = prompt.key(block, model)
    return count
  }
}

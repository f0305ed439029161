import { bytesOfBlock } from './blocks.ts'

const none = -1
const firstRoom = 128
const noNumbers = new Float64Array(0)
const noBlocks = new Uint16Array(0)
const noEntries = new Int32Array(0)

/**
 * The blocks that one model server is thought to have in its cache, the least recently used of which go first. A chain is
 * always touched as a whole, from its last block to its first, so that no block is older than one that follows it: a server
 * that has a block has all before it, and how far it has a chain is found by a binary search.
 *
 * Open hash chains and the list by age run through typed arrays: 24 bytes a block, where a Map takes 45. There are none before
 * the first block: every server of every pool has a cache here, and most of a large fleet are asked about long before they get
 * a prompt.
 */
export class BlockCache {
  /** Entries that may be used without growing. */
  #room = 0
  #size = 0
  /** The first of the unused entries, chained by {@link #next}; below {@link #opened} only. */
  #unused = none
  /** Entries from here on have never been used. */
  #opened = 0
  #newest = none
  #oldest = none
  #bytes = 0
  #keys = noNumbers
  /** Position of the block in its chain, which says how many bytes it has. */
  #blocks = noBlocks
  /** The next entry of the same bucket. */
  #next = noEntries
  #newer = noEntries
  #older = noEntries
  #buckets = noEntries

  get size(): number {
    return this.#size
  }

  /** Prompt bytes that the blocks stand for. */
  get bytes(): number {
    return this.#bytes
  }

  has(key: number): boolean {
    return this.#find(key) !== none
  }

  /** How many of the first `count` blocks of a chain are here. */
  matchedBlocks(chain: Float64Array, count: number): number {
    // Most servers have nothing of a prompt, and those that have some mostly have all that they ever shared.
    if (count === 0 || this.#size === 0 || !this.has(chain[0])) return 0
    let first = 1
    let beyond = count
    while (first < beyond) {
      const middle = (first + beyond) >> 1
      if (this.has(chain[middle])) first = middle + 1
      else beyond = middle
    }
    return first
  }

  /** Makes the first `count` blocks of a chain the newest ones, then drops the oldest ones over `capacityBytes`. */
  touch(chain: Float64Array, count: number, capacityBytes: number): void {
    for (let block = count - 1; block >= 0; block -= 1) {
      const entry = this.#find(chain[block])
      if (entry === none) this.#add(chain[block], block)
      else if (entry !== this.#newest) {
        this.#unlink(entry)
        this.#linkNewest(entry)
      }
    }
    this.shrink(capacityBytes)
  }

  /** Drops the oldest blocks until no more than `capacityBytes` are left. */
  shrink(capacityBytes: number): void {
    while (this.#bytes > capacityBytes && this.#oldest !== none) this.#drop(this.#oldest)
  }

  #find(key: number): number {
    if (this.#room === 0) return none
    let entry = this.#buckets[key & (this.#room - 1)]
    while (entry !== none && this.#keys[entry] !== key) entry = this.#next[entry]
    return entry
  }

  #add(key: number, block: number): void {
    let entry = this.#unused
    if (entry !== none) this.#unused = this.#next[entry]
    else {
      if (this.#opened === this.#room) this.#grow()
      entry = this.#opened
      this.#opened += 1
    }
    const bucket = key & (this.#room - 1)
    this.#keys[entry] = key
    this.#blocks[entry] = block
    this.#next[entry] = this.#buckets[bucket]
    this.#buckets[bucket] = entry
    this.#size += 1
    this.#bytes += bytesOfBlock(block)
    this.#linkNewest(entry)
  }

  #drop(entry: number): void {
    const bucket = this.#keys[entry] & (this.#room - 1)
    let at = this.#buckets[bucket]
    if (at === entry) this.#buckets[bucket] = this.#next[entry]
    else {
      while (this.#next[at] !== entry) at = this.#next[at]
      this.#next[at] = this.#next[entry]
    }
    this.#unlink(entry)
    this.#size -= 1
    this.#bytes -= bytesOfBlock(this.#blocks[entry])
    this.#next[entry] = this.#unused
    this.#unused = entry
  }

  #unlink(entry: number): void {
    const newer = this.#newer[entry]
    const older = this.#older[entry]
    if (newer === none) this.#newest = older
    else this.#older[newer] = older
    if (older === none) this.#oldest = newer
    else this.#newer[older] = newer
  }

  #linkNewest(entry: number): void {
    this.#newer[entry] = none
    this.#older[entry] = this.#newest
    if (this.#newest === none) this.#oldest = entry
    else this.#newer[this.#newest] = entry
    this.#newest = entry
  }

  /** Only called when every entry is used, so that each belongs into a bucket. */
  #grow(): void {
    const room = Math.max(firstRoom, this.#room * 2)
    this.#keys = grown(this.#keys, new Float64Array(room))
    this.#blocks = grown(this.#blocks, new Uint16Array(room))
    this.#newer = grown(this.#newer, new Int32Array(room))
    this.#older = grown(this.#older, new Int32Array(room))
    this.#next = new Int32Array(room)
    this.#buckets = new Int32Array(room).fill(none)
    for (let entry = 0; entry < this.#room; entry += 1) {
      const bucket = this.#keys[entry] & (room - 1)
      this.#next[entry] = this.#buckets[bucket]
      this.#buckets[bucket] = entry
    }
    this.#room = room
  }
}

function grown<Numbers extends Float64Array | Uint16Array | Int32Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from)
  return to
}

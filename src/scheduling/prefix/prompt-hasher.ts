import type { PromptPrefix } from '../plugin.ts'
import { bytesOfBlock, endOfBlock, maxBlocks } from './blocks.ts'
import { hashText, high21, join53, mix32 } from './mix.ts'

const multiplier = 0x9e3779b1

/** Bytes that one step takes: two 32-bit words for each of the four lanes. The smallest block is two of them. */
const strideBytes = 32

/**
 * Hashes the raw JSON bytes of a prompt as they stream by, each once, however they are cut. Four lanes of 32 bits run
 * through the whole prompt, as independent multiplications keep a processor busy; the key of a block is made of them as they
 * are at its end, and so stands for all bytes before it, too.
 *
 * The bytes are those that the client wrote: what was said in another way (other white space, other escapes) counts as
 * another prompt, as clients that share prompts write them with the same program.
 */
export class PromptHasher implements PromptPrefix {
  #lane1 = 0x2c1b3c6d
  #lane2 = 0x297a2d39
  #lane3 = 0x6a09e667
  #lane4 = 0x1b873593
  /** Bytes of an unfinished stride. */
  readonly #rest = new Uint8Array(strideBytes)
  #restBytes = 0
  /** Bytes that the block under way still lacks, without those in {@link #rest}. */
  #blockLacks = 0
  /** What the lanes were at the end of each block, as 53 bits. */
  readonly #ends: number[] = []
  /** What the keys are for besides the prompt: {@link #model} and {@link #salt}. */
  #model = ''
  #salt = ''
  #audience = 0

  /** Complete blocks that have been read. */
  get blocks(): number {
    return this.#ends.length
  }

  /** Reads bytes that come before the prompt for the model server, such as tool definitions. Only before the first {@link push}. */
  head(bytes: Buffer, start: number, end: number): void {
    this.#read(bytes, start, end)
  }

  /** Reads the next bytes of the prompt: `bytes` from `start` to before `end`. */
  push(bytes: Buffer, start: number, end: number): void {
    if (this.#blockLacks === 0) {
      if (this.#ends.length === maxBlocks) return
      this.#endHead()
    }
    this.#read(bytes, start, end)
  }

  /** Only prompts of equal salts share a cache: `cache_salt` of vLLM. */
  set salt(salt: string) {
    if (salt === this.#salt) return
    this.#salt = salt
    this.#audience = audienceOf(this.#model, salt)
  }

  /** Identifies blocks 0 to `block` for `model`, whose caches hold nothing for other models: an integer below 2^53. */
  key(block: number, model: string): number {
    if (model !== this.#model) {
      this.#model = model
      this.#audience = audienceOf(model, this.#salt)
    }
    const end = this.#ends[block]
    const low = mix32((end | 0) ^ this.#audience)
    return join53(high21(end) ^ low ^ this.#audience, low)
  }

  endOf(block: number): number {
    return endOfBlock(block)
  }

  /** Closes what was read by {@link head}, so that the same bytes as part of the prompt are something else. */
  #endHead(): void {
    const rest = this.#restBytes
    this.#rest.fill(0, rest)
    if (rest > 0) this.#readRest()
    this.#lane1 = (this.#lane1 + rest + 1) | 0
    this.#blockLacks = bytesOfBlock(0)
  }

  #read(bytes: Buffer, start: number, end: number): void {
    let at = start
    if (this.#restBytes > 0) {
      while (this.#restBytes < strideBytes && at < end) this.#rest[this.#restBytes++] = bytes[at++]
      if (this.#restBytes < strideBytes) return
      this.#readRest()
    }
    if (end - at >= strideBytes) {
      // Reads of a DataView become single loads, at any alignment; those of a Buffer are put together from bytes.
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      while (end - at >= strideBytes) {
        const whole = end - ((end - at) % strideBytes)
        const stop = this.#blockLacks === 0 ? whole : Math.min(whole, at + this.#blockLacks)
        this.#readStrides(view, at, stop)
        if (!this.#advance(stop - at)) return
        at = stop
      }
    }
    while (at < end) this.#rest[this.#restBytes++] = bytes[at++]
  }

  /** Hashes whole strides. This is the hot loop: lanes in local variables. */
  #readStrides(view: DataView, start: number, end: number): void {
    let lane1 = this.#lane1
    let lane2 = this.#lane2
    let lane3 = this.#lane3
    let lane4 = this.#lane4
    for (let at = start; at < end; at += strideBytes) {
      // Two words for each multiplication, one before and one after it: multiplications are what takes the time.
      lane1 = (Math.imul(lane1 ^ view.getInt32(at, true), multiplier) + view.getInt32(at + 16, true)) | 0
      lane1 = (lane1 << 13) | (lane1 >>> 19)
      lane2 = (Math.imul(lane2 ^ view.getInt32(at + 4, true), multiplier) + view.getInt32(at + 20, true)) | 0
      lane2 = (lane2 << 13) | (lane2 >>> 19)
      lane3 = (Math.imul(lane3 ^ view.getInt32(at + 8, true), multiplier) + view.getInt32(at + 24, true)) | 0
      lane3 = (lane3 << 13) | (lane3 >>> 19)
      lane4 = (Math.imul(lane4 ^ view.getInt32(at + 12, true), multiplier) + view.getInt32(at + 28, true)) | 0
      lane4 = (lane4 << 13) | (lane4 >>> 19)
    }
    this.#lane1 = lane1
    this.#lane2 = lane2
    this.#lane3 = lane3
    this.#lane4 = lane4
  }

  #readRest(): void {
    this.#restBytes = 0
    this.#readStrides(new DataView(this.#rest.buffer, this.#rest.byteOffset, strideBytes), 0, strideBytes)
    this.#advance(strideBytes)
  }

  /** Counts bytes that were hashed; false when no more are wanted. Blocks are whole strides, so that none ends in the middle. */
  #advance(bytes: number): boolean {
    // Bytes of the head belong to no block.
    if (this.#blockLacks === 0) return this.#ends.length < maxBlocks
    this.#blockLacks -= bytes
    if (this.#blockLacks > 0) return true
    const first = mix32((this.#lane1 + Math.imul(this.#lane2, 5)) | 0) ^ this.#lane3
    const second = mix32((this.#lane3 + Math.imul(this.#lane4, 9)) | 0) ^ this.#lane1
    this.#ends.push(join53(mix32(second ^ (this.#lane2 << 7)), mix32(first ^ Math.imul(second, multiplier))))
    if (this.#ends.length === maxBlocks) return false
    this.#blockLacks = bytesOfBlock(this.#ends.length)
    return true
  }
}

const audienceOf = (model: string, salt: string): number => hashText(model) ^ Math.imul(hashText(salt), 0x85ebca77)

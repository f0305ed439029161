import type { EndpointMetrics } from '../../../src/pool/endpoint.ts'
import { type Arrival, blockTokens } from './traces.ts'

/** A model server like vLLM, as far as routing can tell. */
export type ServerModel = {
  readonly maxRunning: number
  /** Blocks of {@link blockTokens} tokens. */
  readonly cacheBlocks: number
  readonly prefillMsPerToken: number
  /** Prompts of several requests are computed one after the other, as on a GPU, or each as fast as if it were alone. */
  readonly prefill: 'serial' | 'parallel'
  readonly decodeMsPerToken: number
  /** Adapters that fit in at once; others wait until one is unused, and take their time to load. */
  readonly adapterSlots: number
  readonly adapterLoadMs: number
}

export type Watcher = {
  firstToken(cachedTokens: number): void
  ended(cachedTokens: number): void
}

/** What every prefill takes besides its tokens: a step of the engine. */
const stepMs = 10

type Waiting = { readonly arrival: Arrival; readonly watcher: Watcher }

export class SimulatedServer {
  readonly #model: ServerModel
  readonly #nowMs: () => number
  readonly #after: (delayMs: number, run: () => void) => void
  readonly #queue: Waiting[] = []
  /** Blocks that running requests use, with how many of them do. */
  readonly #used = new Map<string, number>()
  /** Blocks that are cached and unused, oldest first. */
  readonly #unused = new Map<string, true>()
  readonly #running = new Map<string, number>()
  /** Adapters that are loaded, least recently used first. */
  readonly #loaded = new Map<string, true>()
  #runningCount = 0
  /** Blocks of answers, which nobody shares. */
  #answerBlocks = 0
  #prefillFreeAtMs = 0

  constructor(model: ServerModel, nowMs: () => number, after: (delayMs: number, run: () => void) => void) {
    this.#model = model
    this.#nowMs = nowMs
    this.#after = after
  }

  metrics(nowMs: number): EndpointMetrics {
    const { cacheBlocks, adapterSlots } = this.#model
    const adaptersOf = (requests: readonly Waiting[]) =>
      new Set(requests.flatMap(({ arrival }) => arrival.adapter ?? []))
    return {
      queued: this.#queue.length,
      running: this.#runningCount,
      kvUsage: (this.#used.size + this.#answerBlocks) / cacheBlocks,
      activeAdapters: new Set(this.#running.keys()),
      waitingAdapters: adaptersOf(this.#queue),
      maxAdapters: adapterSlots,
      blockTokens,
      cacheBlocks,
      updatedAtMs: nowMs,
    }
  }

  take(arrival: Arrival, watcher: Watcher): void {
    this.#queue.push({ arrival, watcher })
    this.#start()
  }

  /** First come, first served, but for those whose adapter has no slot. */
  #start(): void {
    for (let i = 0; i < this.#queue.length && this.#runningCount < this.#model.maxRunning; ) {
      const { arrival, watcher } = this.#queue[i]
      if (!this.#hasSlot(arrival.adapter)) {
        i += 1
        continue
      }
      const answerBlocks = Math.ceil(arrival.outputTokens / blockTokens)
      const hits = this.#hits(arrival.blocks)
      let unusedHits = 0
      for (let block = 0; block < hits; block += 1) if (this.#unused.has(arrival.blocks[block])) unusedHits += 1
      const taken = this.#used.size + this.#answerBlocks + unusedHits + (arrival.blocks.length - hits) + answerBlocks
      if (taken > this.#model.cacheBlocks) return
      this.#queue.splice(i, 1)
      this.#run(arrival, watcher, hits, answerBlocks)
    }
  }

  #hasSlot(adapter: string | undefined): boolean {
    if (adapter === undefined || this.#running.has(adapter)) return true
    return this.#running.size < this.#model.adapterSlots
  }

  #hits(blocks: readonly string[]): number {
    let hits = 0
    while (hits < blocks.length && (this.#used.has(blocks[hits]) || this.#unused.has(blocks[hits]))) hits += 1
    return hits
  }

  #run(arrival: Arrival, watcher: Watcher, hits: number, answerBlocks: number): void {
    const { blocks, adapter } = arrival
    this.#runningCount += 1
    this.#answerBlocks += answerBlocks
    for (const block of blocks) {
      this.#used.set(block, (this.#used.get(block) ?? 0) + 1)
      this.#unused.delete(block)
    }
    this.#evict()
    const loadMs = adapter === undefined ? 0 : this.#loadAdapter(adapter)
    // The last block is always computed, as its end gives the first token.
    const cachedTokens = Math.min(hits, blocks.length - 1) * blockTokens
    const prefillMs = stepMs + (arrival.promptTokens - cachedTokens) * this.#model.prefillMsPerToken
    let firstTokenMs = loadMs + prefillMs
    if (this.#model.prefill === 'serial') {
      const startsAtMs = Math.max(this.#nowMs() + loadMs, this.#prefillFreeAtMs)
      this.#prefillFreeAtMs = startsAtMs + prefillMs
      firstTokenMs = this.#prefillFreeAtMs - this.#nowMs()
    }
    this.#after(firstTokenMs, () => watcher.firstToken(cachedTokens))
    this.#after(firstTokenMs + arrival.outputTokens * this.#model.decodeMsPerToken, () => {
      this.#end(arrival, answerBlocks)
      watcher.ended(cachedTokens)
      this.#start()
    })
  }

  #loadAdapter(adapter: string): number {
    const isLoaded = this.#loaded.delete(adapter)
    this.#loaded.set(adapter, true)
    this.#running.set(adapter, (this.#running.get(adapter) ?? 0) + 1)
    for (const other of this.#loaded.keys()) {
      if (this.#loaded.size <= this.#model.adapterSlots) break
      if (!this.#running.has(other)) this.#loaded.delete(other)
    }
    return isLoaded ? 0 : this.#model.adapterLoadMs
  }

  #end({ blocks, adapter }: Arrival, answerBlocks: number): void {
    this.#runningCount -= 1
    this.#answerBlocks -= answerBlocks
    // The last blocks of a prompt are freed first, and go first.
    for (let i = blocks.length - 1; i >= 0; i -= 1) {
      const left = this.#used.get(blocks[i])! - 1
      if (left > 0) this.#used.set(blocks[i], left)
      else {
        this.#used.delete(blocks[i])
        this.#unused.set(blocks[i], true)
      }
    }
    if (adapter === undefined) return
    const left = this.#running.get(adapter)! - 1
    if (left > 0) this.#running.set(adapter, left)
    else this.#running.delete(adapter)
  }

  #evict(): void {
    for (const block of this.#unused.keys()) {
      if (this.#used.size + this.#answerBlocks + this.#unused.size <= this.#model.cacheBlocks) return
      this.#unused.delete(block)
    }
  }
}

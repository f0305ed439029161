import { AdapterSlots } from './adapter-slots.ts'
import { KvCache, type Lease } from './kv-cache.ts'

/** What the simulated engine can hold. */
export type EngineLimits = {
  /** Requests that run at once; the others wait (vLLM --max-num-seqs). */
  readonly maxNumSeqs: number
  /** Adapters that are loaded at once; requests for a further one wait while all are in use (vLLM --max-loras). */
  readonly maxLoras: number
  /** Blocks of the KV cache (num_gpu_blocks of vllm:cache_config_info). */
  readonly kvBlocks: number
  /** Tokens of one of them (block_size of vllm:cache_config_info). */
  readonly kvBlockTokens: number
}

/** One request inside the engine. */
export type Sequence = {
  readonly adapter: string | undefined
  readonly promptTokens: number
  /** Keys of its prompt's blocks; none where prompts are not cached. */
  readonly promptBlocks: readonly number[]
  readonly answerTokens: number
  /** Of its answer; undefined until the prompt is being processed. */
  pace: { readonly firstTokenAtMs: number; readonly itlMs: number } | undefined
}

/** What a sequence meets when it begins to run. */
export type Start = {
  /** Tokens of its prompt that need not be processed again. */
  readonly cachedTokens: number
  /** When its adapter is loaded; not in the past. */
  readonly adapterReadyAtMs: number
}

/** When it is now, and how long an adapter takes to load. */
export type EngineTime = { nowMs(): number; adapterLoadMs(): number }

export type EngineSnapshot = {
  readonly running: number
  readonly waiting: number
  /** Share of the KV cache that running requests hold, 0 to 1; blocks that they share count once. */
  readonly kvUsage: number
  /** Names in order. */
  readonly runningAdapters: readonly string[]
  readonly waitingAdapters: readonly string[]
  /** How many times an adapter was loaded since the start. */
  readonly adapterLoads: number
}

/** The batch that runs and the queue before it. First come, first served, but a request whose adapter has no room is passed by. */
export class Engine {
  readonly limits: EngineLimits
  readonly #time: EngineTime
  readonly #running = new Map<Sequence, Lease>()
  readonly #adapters: AdapterSlots
  readonly #cache: KvCache
  readonly #waiting = new Map<Sequence, (start: Start) => void>()

  constructor(limits: EngineLimits, time: EngineTime) {
    this.limits = limits
    this.#time = time
    this.#adapters = new AdapterSlots(limits.maxLoras)
    this.#cache = new KvCache(limits.kvBlocks)
  }

  /** Resolves when the sequence runs; rejects, and takes it off the queue, when the signal is aborted first. */
  async enter(sequence: Sequence, signal: AbortSignal): Promise<Start> {
    signal.throwIfAborted()
    if (this.#fits(sequence)) return this.#run(sequence)
    return new Promise<Start>((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.delete(sequence)
        reject(signal.reason)
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.set(sequence, (start) => {
        signal.removeEventListener('abort', giveUp)
        resolve(start)
      })
    })
  }

  /** Ends a running sequence, if it ever ran, and starts those that now have room. */
  leave(sequence: Sequence): void {
    const lease = this.#running.get(sequence)
    if (lease === undefined) return
    this.#running.delete(sequence)
    this.#cache.release(lease)
    if (sequence.adapter !== undefined) this.#adapters.release(sequence.adapter)
    for (const [next, start] of this.#waiting) {
      if (this.#running.size >= this.limits.maxNumSeqs) return
      if (!this.#fits(next)) continue
      this.#waiting.delete(next)
      start(this.#run(next))
    }
  }

  /** How full the batch is: 0 with one request alone, 1 with all that fit. */
  load(): number {
    const { maxNumSeqs } = this.limits
    return maxNumSeqs === 1 ? 0 : Math.max(0, this.#running.size - 1) / (maxNumSeqs - 1)
  }

  snapshot(nowMs: number): EngineSnapshot {
    const { kvBlocks, kvBlockTokens } = this.limits
    // Blocks of prompts that may be shared, and for each sequence those that are its own.
    let blocks = this.#cache.heldBlocks
    for (const [sequence, { held }] of this.#running) {
      blocks += Math.ceil((sequence.promptTokens + tokensMade(sequence, nowMs)) / kvBlockTokens) - held.length
    }
    const waitingAdapters = new Set<string>()
    for (const { adapter } of this.#waiting.keys()) if (adapter !== undefined) waitingAdapters.add(adapter)
    return {
      running: this.#running.size,
      waiting: this.#waiting.size,
      kvUsage: Math.min(1, blocks / kvBlocks),
      runningAdapters: this.#adapters.running().sort(),
      waitingAdapters: [...waitingAdapters].sort(),
      adapterLoads: this.#adapters.loads,
    }
  }

  #fits({ adapter }: Sequence): boolean {
    if (this.#running.size >= this.limits.maxNumSeqs) return false
    return adapter === undefined || this.#adapters.fits(adapter)
  }

  #run(sequence: Sequence): Start {
    const { adapter, promptTokens, promptBlocks } = sequence
    const { kvBlockTokens } = this.limits
    const lease = this.#cache.take(promptBlocks, Math.floor((promptTokens - 1) / kvBlockTokens))
    this.#running.set(sequence, lease)
    const nowMs = this.#time.nowMs()
    return {
      cachedTokens: lease.cachedBlocks * kvBlockTokens,
      adapterReadyAtMs: adapter === undefined ? nowMs : this.#adapters.take(adapter, nowMs, this.#time.adapterLoadMs()),
    }
  }
}

/** Computed from the time, so that only those who look pay for it. */
export function tokensMade({ answerTokens, pace }: Sequence, nowMs: number): number {
  if (pace === undefined || nowMs < pace.firstTokenAtMs) return 0
  if (pace.itlMs === 0) return answerTokens
  return Math.min(answerTokens, 1 + Math.floor((nowMs - pace.firstTokenAtMs) / pace.itlMs))
}

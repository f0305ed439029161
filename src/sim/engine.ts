/** What the simulated engine can hold. */
export type EngineLimits = {
  /** Requests that run at once; the others wait (vLLM --max-num-seqs). */
  readonly maxNumSeqs: number
  /** Adapters among the running requests at once; requests for a further one wait (vLLM --max-loras). */
  readonly maxLoras: number
  /** Blocks of the KV cache (num_gpu_blocks of vllm:cache_config_info). */
  readonly kvBlocks: number
}

/** Tokens of one KV cache block (block_size of vllm:cache_config_info). */
export const kvBlockTokens = 16

/** One request inside the engine. */
export type Sequence = {
  readonly adapter: string | undefined
  readonly promptTokens: number
  readonly answerTokens: number
  /** Of its answer; undefined until the prompt is being processed. */
  pace: { readonly firstTokenAtMs: number; readonly itlMs: number } | undefined
}

export type EngineSnapshot = {
  readonly running: number
  readonly waiting: number
  /** Share of the KV cache that running requests hold, 0 to 1. */
  readonly kvUsage: number
  /** Names in order. */
  readonly runningAdapters: readonly string[]
  readonly waitingAdapters: readonly string[]
}

/** The batch that runs and the queue before it. First come, first served, but a request whose adapter has no room is passed by. */
export class Engine {
  readonly limits: EngineLimits
  readonly #running = new Set<Sequence>()
  readonly #runningByAdapter = new Map<string, number>()
  readonly #waiting = new Map<Sequence, () => void>()

  constructor(limits: EngineLimits) {
    this.limits = limits
  }

  /** Resolves when the sequence runs; rejects, and takes it off the queue, when the signal is aborted first. */
  async enter(sequence: Sequence, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#fits(sequence)) return this.#run(sequence)
    await new Promise<void>((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.delete(sequence)
        reject(signal.reason)
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.set(sequence, () => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      })
    })
  }

  /** Ends a running sequence, if it ever ran, and starts those that now have room. */
  leave(sequence: Sequence): void {
    if (!this.#running.delete(sequence)) return
    if (sequence.adapter !== undefined) {
      const others = this.#runningByAdapter.get(sequence.adapter)! - 1
      if (others === 0) this.#runningByAdapter.delete(sequence.adapter)
      else this.#runningByAdapter.set(sequence.adapter, others)
    }
    for (const [next, start] of this.#waiting) {
      if (this.#running.size >= this.limits.maxNumSeqs) return
      if (!this.#fits(next)) continue
      this.#waiting.delete(next)
      this.#run(next)
      start()
    }
  }

  /** How full the batch is: 0 with one request alone, 1 with all that fit. */
  load(): number {
    const { maxNumSeqs } = this.limits
    return maxNumSeqs === 1 ? 0 : Math.max(0, this.#running.size - 1) / (maxNumSeqs - 1)
  }

  snapshot(nowMs: number): EngineSnapshot {
    let blocks = 0
    for (const sequence of this.#running) {
      blocks += Math.ceil((sequence.promptTokens + tokensMade(sequence, nowMs)) / kvBlockTokens)
    }
    const waitingAdapters = new Set<string>()
    for (const { adapter } of this.#waiting.keys()) if (adapter !== undefined) waitingAdapters.add(adapter)
    return {
      running: this.#running.size,
      waiting: this.#waiting.size,
      kvUsage: Math.min(1, blocks / this.limits.kvBlocks),
      runningAdapters: [...this.#runningByAdapter.keys()].sort(),
      waitingAdapters: [...waitingAdapters].sort(),
    }
  }

  #fits({ adapter }: Sequence): boolean {
    if (this.#running.size >= this.limits.maxNumSeqs) return false
    return (
      adapter === undefined || this.#runningByAdapter.has(adapter) || this.#runningByAdapter.size < this.limits.maxLoras
    )
  }

  #run(sequence: Sequence): void {
    this.#running.add(sequence)
    if (sequence.adapter === undefined) return
    this.#runningByAdapter.set(sequence.adapter, (this.#runningByAdapter.get(sequence.adapter) ?? 0) + 1)
  }
}

/** Computed from the time, so that only those who look pay for it. */
export function tokensMade({ answerTokens, pace }: Sequence, nowMs: number): number {
  if (pace === undefined || nowMs < pace.firstTokenAtMs) return 0
  if (pace.itlMs === 0) return answerTokens
  return Math.min(answerTokens, 1 + Math.floor((nowMs - pace.firstTokenAtMs) / pace.itlMs))
}

/**
 * The adapters that are loaded (vLLM --max-loras). One without running requests stays loaded until its slot is needed, the
 * least recently used first.
 */
export class AdapterSlots {
  readonly #slots: number
  /** Loaded adapters, the least recently used first. */
  readonly #loaded = new Map<string, Slot>()
  #busy = 0
  #loads = 0

  constructor(slots: number) {
    this.#slots = slots
  }

  /** Names of the adapters that running requests use, in no order. */
  running(): string[] {
    const names: string[] = []
    for (const [name, { requests }] of this.#loaded) if (requests > 0) names.push(name)
    return names
  }

  /** How many times an adapter was loaded. */
  get loads(): number {
    return this.#loads
  }

  /** Whether a request for it could run now: it runs already, or a slot is not in use. */
  fits(name: string): boolean {
    return this.#busy < this.#slots || (this.#loaded.get(name)?.requests ?? 0) > 0
  }

  /**
   * Gives the adapter, which has to fit, to one more request.
   * @returns when it is loaded: now, or after `loadMs` for one that was not there.
   */
  take(name: string, nowMs: number, loadMs: number): number {
    const slot = this.#loaded.get(name) ?? { requests: 0, readyAtMs: nowMs + loadMs }
    if (!this.#loaded.delete(name)) {
      this.#loads++
      if (this.#loaded.size >= this.#slots) this.#unloadOldest()
    }
    this.#loaded.set(name, slot)
    if (slot.requests++ === 0) this.#busy++
    return Math.max(nowMs, slot.readyAtMs)
  }

  /** Ends one request of it. */
  release(name: string): void {
    if (--this.#loaded.get(name)!.requests === 0) this.#busy--
  }

  #unloadOldest(): void {
    for (const [name, { requests }] of this.#loaded) {
      if (requests > 0) continue
      this.#loaded.delete(name)
      return
    }
  }
}

type Slot = { requests: number; readonly readyAtMs: number }

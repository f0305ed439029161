import { setImmediate as nextTurn } from 'node:timers/promises'
import { vi } from 'vitest'
import type { Clock } from '../../src/sim/clock.ts'

type Timer = { readonly dueMs: number; readonly resolve: () => void }

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #nowMs = 0
  readonly #timers = new Set<Timer>()

  nowMs(): number {
    return this.#nowMs
  }

  epochMs(): number {
    return 1_700_000_000_000 + this.#nowMs
  }

  /** Waits under way. */
  get waiting(): number {
    return this.#timers.size
  }

  async wait(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (ms <= 0) return
    await new Promise<void>((resolve, reject) => {
      const timer = { dueMs: this.#nowMs + ms, resolve }
      this.#timers.add(timer)
      signal.addEventListener('abort', () => {
        this.#timers.delete(timer)
        reject(signal.reason)
      })
    })
  }

  /** Resolves when so many waits are under way. */
  async untilWaiting(count: number): Promise<void> {
    await vi.waitFor(() => {
      if (this.waiting !== count) throw new Error(`${this.waiting} waits under way, expected ${count}`)
    })
  }

  /** Moves on, stopping at each timer that is due, so that what follows from it can begin. */
  async advance(ms: number): Promise<void> {
    const targetMs = this.#nowMs + ms
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.dueMs - b.dueMs)
      if (next === undefined || next.dueMs > targetMs) break
      this.#nowMs = next.dueMs
      this.#timers.delete(next)
      next.resolve()
      await nextTurn()
    }
    this.#nowMs = targetMs
  }
}

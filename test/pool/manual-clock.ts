import { vi } from 'vitest'
import type { Clock } from '../../src/clock.ts'

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #nowMs = 0
  #timers = new Set<{ atMs: number; run: () => void }>()

  nowMs(): number {
    return this.#nowMs
  }

  epochMs(): number {
    return 1_700_000_000_000 + this.#nowMs
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Moves on by `ms` and runs what becomes due, in order, with the promises that each timer settles. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    for (;;) {
      let next: { atMs: number; run: () => void } | undefined
      for (const timer of this.#timers) {
        if (timer.atMs <= untilMs && (next === undefined || timer.atMs < next.atMs)) next = timer
      }
      if (next === undefined) break
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.run()
      await settled()
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs)
  }

  /** Moves on without running anything, as when the process was busy with something else. */
  stall(ms: number): void {
    this.#nowMs += ms
  }

  get pendingTimers(): number {
    return this.#timers.size
  }

  /** Resolves when so many timers are pending. */
  async untilPending(count: number): Promise<void> {
    await vi.waitFor(() => {
      if (this.pendingTimers !== count) throw new Error(`${this.pendingTimers} timers pending, expected ${count}`)
    })
  }
}

/** Waits until every promise that can settle without a timer or a socket has. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

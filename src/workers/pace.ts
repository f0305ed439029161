import type { Clock } from '../clock.ts'

/** Runs something soon after it is asked for, with what is gathered by then: at once after a pause, but never more often than it may. */
export class Pace {
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #run: () => void
  #ranAtMs = Number.NEGATIVE_INFINITY
  #cancel: (() => void) | undefined

  /** @param intervalMs between two runs at least */
  constructor(clock: Clock, intervalMs: number, run: () => void) {
    this.#clock = clock
    this.#intervalMs = intervalMs
    this.#run = run
  }

  /** Cheap where it has been asked already. */
  ask(): void {
    if (this.#cancel !== undefined) return
    const delayMs = Math.max(0, this.#ranAtMs + this.#intervalMs - this.#clock.nowMs())
    this.#cancel = this.#clock.after(delayMs, () => {
      this.#cancel = undefined
      this.#ranAtMs = this.#clock.nowMs()
      this.#run()
    })
  }

  /** What was asked for does not run any more. */
  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}

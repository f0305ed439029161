import type { Clock } from '../clock.ts'

/** Of the time, no more than one part in so many goes into taking changes in, besides the wait for the first ones. */
const share = 10

/** Takes in many changes at once: a moment after the first of them, or a longer one where taking them in takes long. */
export class Gathering {
  readonly #clock: Clock
  readonly #shortestMs: number
  readonly #take: () => void
  #waitMs: number
  #cancel: (() => void) | undefined
  #isClosed = false

  /** @param shortestMs milliseconds from the first change to `take` */
  constructor(clock: Clock, shortestMs: number, take: () => void) {
    this.#clock = clock
    this.#shortestMs = shortestMs
    this.#take = take
    this.#waitMs = shortestMs
  }

  changed(): void {
    if (this.#isClosed || this.#cancel !== undefined) return
    this.#cancel = this.#clock.after(this.#waitMs, () => {
      this.#cancel = undefined
      const startedMs = this.#clock.nowMs()
      this.#take()
      this.#waitMs = Math.max(this.#shortestMs, share * (this.#clock.nowMs() - startedMs))
    })
  }

  /** There are changes that have not been taken in. */
  get isPending(): boolean {
    return this.#cancel !== undefined
  }

  /** Nothing is taken in any more. */
  close(): void {
    this.#isClosed = true
    this.#cancel?.()
  }
}

/** For how long an admission counts, about. */
const memoryMs = 10_000

const minRetryAfterSeconds = 1
const maxRetryAfterSeconds = 60

/** How many requests are let through per second, lately. */
export class DispatchRate {
  /** Admissions, each counting less the longer it is ago; as of `#countedAtMs`. */
  #count = 0
  #countedAtMs = 0

  admitted(nowMs: number): void {
    this.#count = this.#fadedCount(nowMs) + 1
    this.#countedAtMs = nowMs
  }

  perSecond(nowMs: number): number {
    return (this.#fadedCount(nowMs) * 1_000) / memoryMs
  }

  /** About when `waiting` requests will have been let through: whole seconds from 1 to 60. */
  retryAfterSeconds(waiting: number, nowMs: number): number {
    if (waiting === 0) return minRetryAfterSeconds
    const seconds = Math.ceil(waiting / this.perSecond(nowMs))
    return Math.min(seconds, maxRetryAfterSeconds)
  }

  #fadedCount(nowMs: number): number {
    return this.#count * Math.exp((this.#countedAtMs - nowMs) / memoryMs)
  }
}

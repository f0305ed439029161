/** Time as the process sees it; a test brings a clock that it moves by hand. */
export type Clock = {
  /** Milliseconds from any fixed moment; never runs backwards. */
  nowMs(): number
  /** Milliseconds since 1970. */
  epochMs(): number
  /** Runs `run` once, `delayMs` from now; the function that it returns prevents that. */
  after(delayMs: number, run: () => void): () => void
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}

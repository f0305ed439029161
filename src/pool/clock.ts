/** Time as the pool sees it: the process has {@link systemClock}, a test brings one that it moves by hand. */
export type Clock = {
  /** Milliseconds from any fixed moment; never runs backwards. */
  nowMs(): number
  /** Runs `run` once, `delayMs` from now; the function that it returns prevents that. */
  after(delayMs: number, run: () => void): () => void
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}

import { setTimeout as sleep } from 'node:timers/promises'

/** Time as the simulator sees it; tests pass one that they move by hand. */
export type Clock = {
  /** Monotonic milliseconds. */
  nowMs(): number
  /** Milliseconds since 1970, for the `created` fields of answers. */
  epochMs(): number
  /** Resolves after `ms`; never for Infinity. Rejects as soon as the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
  async wait(ms, signal) {
    signal.throwIfAborted()
    if (ms <= 0) return
    if (ms === Number.POSITIVE_INFINITY) return aborted(signal)
    await sleep(ms, undefined, { signal })
  },
}

/** Rejects when the signal is aborted, and does nothing else. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}

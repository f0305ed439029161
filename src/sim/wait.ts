import type { Clock } from '../clock.ts'

/** Resolves after `ms`; never for Infinity. Rejects as soon as the signal is aborted. */
export async function wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (ms <= 0) return
  await new Promise<void>((resolve, reject) => {
    const end = () => {
      signal.removeEventListener('abort', giveUp)
      resolve()
    }
    // A timer of Node's that is asked to wait for ever runs at once.
    const cancel = ms === Number.POSITIVE_INFINITY ? () => {} : clock.after(ms, end)
    const giveUp = () => {
      cancel()
      reject(signal.reason)
    }
    signal.addEventListener('abort', giveUp, { once: true })
  })
}

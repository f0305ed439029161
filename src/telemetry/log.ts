import pino, { type Logger } from 'pino'

/**
 * The log: JSON lines on standard error. What happens to single requests is counted, not logged.
 * @param verbosity as klog's -v: up to 2 info, 3 and 4 debug, above that trace
 */
export function createLog(verbosity: number): Logger {
  return createLogAt(verbosity <= 2 ? 'info' : verbosity <= 4 ? 'debug' : 'trace')
}

/** The same by the name of the level. */
export function createLogAt(level: string): Logger {
  const options = { level, base: null, formatters: { level: (label: string) => ({ level: label }) } }
  return pino({ ...options, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }))
}

/** Lets one line through in each interval, for what a fault can repeat at any rate. */
export function atMostEvery(intervalMs: number, now: () => number, write: (repeats: number) => void): () => void {
  let lastMs = Number.NEGATIVE_INFINITY
  let repeats = 0
  return () => {
    repeats++
    if (now() - lastMs < intervalMs) return
    write(repeats)
    lastMs = now()
    repeats = 0
  }
}

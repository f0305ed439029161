import type { BandOptions, FlowControlOptions } from '../admission/options.ts'
import type { Limits } from '../request/limits.ts'

/** A worker tells what it has in flight so often at most, milliseconds. With {@link newsIntervalMs} all know within 100. */
export const reportIntervalMs = 50

/** The primary hands on what workers and scrapes tell so often at most, milliseconds. */
export const newsIntervalMs = 25

/** Between two questions whether a worker is well, milliseconds. */
export const pingIntervalMs = 1_000

/** A worker that has not answered so many of them serves nobody: it is killed, and started again. */
export const maxUnansweredPings = 10

/** The same before it serves: it loads the program and reads what there is, on a machine that may be busy. */
export const maxPingsBeforeServing = 120

/** Before a worker that has ended is started again, milliseconds: twice as long each time, until one has served for the last of these. */
export const restartDelayMs = { first: 100, most: 10_000, servedWell: 10_000 } as const

/** A worker that has not sent its metrics after so long is left out of the page, but for what it told the time before. */
export const pageTimeoutMs = 5_000

/** A worker that has not explained a request after so long is given up, milliseconds. */
export const explainTimeoutMs = 5_000

/** After the drain timeout, until a worker that has not ended is killed, milliseconds. */
export const drainGraceMs = 2_000

/** Requests are dealt out evenly, so that a worker gets its part of what the limits of a whole service allow. */
export function limitsOfWorker(limits: Limits, workers: number): Limits {
  return { ...limits, maxTotalHeldBytes: Math.ceil(limits.maxTotalHeldBytes / workers) }
}

/** The queues of one of several workers: together they hold what the configuration allows a pool. */
export function flowControlOfWorker(options: FlowControlOptions, workers: number): FlowControlOptions {
  const part = <T extends { readonly maxBytes: number | undefined; readonly maxRequests: number | undefined }>(
    whole: T,
  ): T => ({
    ...whole,
    maxBytes: whole.maxBytes && Math.ceil(whole.maxBytes / workers),
    maxRequests: whole.maxRequests && Math.ceil(whole.maxRequests / workers),
  })
  const { bands, defaultBand, defaultNegativeBand } = options
  return {
    ...part(options),
    bands: bands.map(part),
    defaultBand: part(defaultBand),
    defaultNegativeBand: defaultNegativeBand && part<BandOptions>(defaultNegativeBand),
  }
}

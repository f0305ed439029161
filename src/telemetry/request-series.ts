import { buckets } from './buckets.ts'
import { type ErrorCode, errorCodes } from './error-codes.ts'
import { type Labels, labelsOf } from './family.ts'
import { GenAiSeriesOfModel } from './gen-ai-series.ts'
import { histogramSet } from './histogram.ts'
import type { SeriesKey } from './series-index.ts'

/** What is observed of a request that has gone to a model server. */
export const requestHistograms = histogramSet({
  durationSeconds: buckets.durationSeconds,
  requestBytes: buckets.requestBytes,
  responseBytes: buckets.responseBytes,
  promptTokens: buckets.promptTokens,
  cachedTokens: buckets.promptTokens,
  outputTokens: buckets.outputTokens,
  ntpotSeconds: buckets.secondsPerToken,
  /** Of answers that are sent as they are generated. */
  streamTtftSeconds: buckets.ttftSeconds,
  /** Of answers that come as a whole. */
  wholeTtftSeconds: buckets.ttftSeconds,
  tpotSeconds: buckets.tpotSeconds,
  itlSeconds: buckets.itlSeconds,
})

export const modelLabelNames = ['model_name', 'target_model_name'] as const
export const flowLabelNames = [...modelLabelNames, 'fairness_id', 'priority'] as const

const noCells = new Float64Array(0)

/** What is counted of the requests for one model, target, fairness id and priority. */
export class RequestSeries implements SeriesKey {
  readonly model: string
  readonly target: string
  readonly fairnessId: string
  readonly priority: number
  /** model_name … priority ({@link flowLabelNames}). */
  readonly labels: Labels
  readonly pair: ModelPair
  requests = 0
  running = 0
  /** Parallel to {@link errorCodes}. */
  readonly errors = new Float64Array(errorCodes.length)
  /** Of {@link requestHistograms}; empty until something is observed. */
  cells = noCells

  constructor({ model, target, fairnessId, priority }: SeriesKey, pair: ModelPair) {
    this.model = model
    this.target = target
    this.fairnessId = fairnessId
    this.priority = priority
    this.labels = labelsOf(flowLabelNames, [model, target, fairnessId, priority])
    this.pair = pair
    pair.series.push(this)
  }

  failed(code: ErrorCode): void {
    this.errors[errorCodes.indexOf(code)] += 1
  }

  /** The cells to observe into. */
  observed(): Float64Array {
    if (this.cells.length === 0) this.cells = new Float64Array(requestHistograms.size)
    return this.cells
  }
}

/** The series that the reference sees as one: it tells neither fairness ids nor, but for one counter, priorities apart. */
export class ModelPair {
  readonly model: string
  readonly target: string
  /** model_name, target_model_name. */
  readonly labels: Labels
  readonly series: RequestSeries[] = []
  /** Decisions by InferenceModelRewrites, by their names. */
  readonly rewrites = new Map<string, number>()
  readonly genAi: GenAiSeriesOfModel
  /** Of the last answer; NaN before it. */
  lastTtftSeconds = Number.NaN
  lastTpotSeconds = Number.NaN

  constructor(model: string, target: string) {
    this.model = model
    this.target = target
    this.labels = labelsOf(modelLabelNames, [model, target])
    this.genAi = new GenAiSeriesOfModel(model, target)
  }
}

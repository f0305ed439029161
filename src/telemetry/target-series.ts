import { buckets } from './buckets.ts'
import { type Labels, labelsOf } from './family.ts'
import { histogramSet } from './histogram.ts'

export const targetLabelNames = ['resource', 'target'] as const

export const targetHistograms = histogramSet(buckets.target)

/** `cut`: the answer did not come to its end, or not at all. */
export const targetOutcomes = ['ok', 'error', 'cut'] as const
export type TargetOutcome = (typeof targetOutcomes)[number]

/** What is counted of the requests that one target of a resource gets while one of its targets is rolled out. */
export class TargetSeries {
  /** resource, target. */
  readonly labels: Labels
  /** Requests that have ended, parallel to {@link targetOutcomes}. */
  readonly outcomes = new Float64Array(targetOutcomes.length)
  /** Of {@link targetHistograms}. */
  readonly cells = new Float64Array(targetHistograms.size)
  outputTokens = 0
  outputSeconds = 0

  constructor(resource: string, target: string) {
    this.labels = labelsOf(targetLabelNames, [resource, target])
  }

  ended(outcome: TargetOutcome): void {
    this.outcomes[targetOutcomes.indexOf(outcome)] += 1
  }

  /** An answer has begun: of a stream its first token has come, of any other all of it. */
  answered(ttftMs: number): void {
    targetHistograms.ttftSeconds.observe(this.cells, ttftMs / 1000)
  }

  /** An answer says how many tokens it has, at least one; they came in `seconds`. */
  generated(tokens: number, seconds: number): void {
    this.outputTokens += tokens
    this.outputSeconds += seconds
    targetHistograms.tokenSeconds.observe(this.cells, seconds / tokens)
  }
}

import type { BoundedValues } from './bounded-values.ts'
import type { Labels } from './family.ts'
import type { Histogram } from './histogram.ts'
import { ModelPair, RequestSeries, requestHistograms } from './request-series.ts'
import { entryOf, SeriesIndex } from './series-index.ts'

export type RequestStoreOptions = {
  readonly models: BoundedValues
  readonly fairnessIds: BoundedValues
  /** Only llm-d's names have them as a label; without those they would be split for nothing. */
  readonly splitsFairnessIds: boolean
}

/** All that is counted by model, and how the reference's metrics sum it up. */
export class RequestStore {
  readonly models: BoundedValues
  readonly splitsFairnessIds: boolean
  readonly #pairs = new Map<string, ModelPair>()
  readonly #index: SeriesIndex<RequestSeries>
  readonly #scratch = new Float64Array(requestHistograms.size)

  constructor({ models, fairnessIds, splitsFairnessIds }: RequestStoreOptions) {
    this.models = models
    this.splitsFairnessIds = splitsFairnessIds
    this.#index = new SeriesIndex({ models, fairnessIds }, (key) => {
      const pair = entryOf(this.#pairs, `${key.model}\0${key.target}`, () => new ModelPair(key.model, key.target))
      return new RequestSeries(key, pair)
    })
  }

  /** The series of a request; `fairnessId` counts only where {@link splitsFairnessIds}. */
  seriesOf(model: string, target: string, fairnessId: string, priority: number): RequestSeries {
    return this.#index.of(model, target, fairnessId, priority)
  }

  /** The same, of a request for a model that is not served: its name gets no place. */
  unservedSeriesOf(model: string, target: string, fairnessId: string, priority: number): RequestSeries {
    return this.#index.ofUnserved(model, target, fairnessId, priority)
  }

  get series(): readonly RequestSeries[] {
    return this.#index.all
  }

  get pairs(): Iterable<ModelPair> {
    return this.#pairs.values()
  }

  /** What the series of each pair have of some histograms with the same bounds together. Read it before the next one. */
  *summed(first: Histogram, second?: Histogram): Generator<readonly [labels: Labels, cells: Float64Array]> {
    for (const pair of this.pairs) {
      const { labels, series } = pair
      if (series.length === 1 && second === undefined) {
        if (series[0].cells.length > 0) yield [labels, series[0].cells]
        continue
      }
      const sum = this.#scratch.fill(0, first.at, first.at + first.size)
      for (const { cells } of series) {
        if (cells.length === 0) continue
        first.add(sum, cells)
        if (second !== undefined) addFrom(sum, first, cells, second)
      }
      yield [labels, sum]
    }
  }
}

function addFrom(sum: Float64Array, to: Histogram, cells: Float64Array, from: Histogram): void {
  for (let i = 0; i < to.size; i += 1) sum[to.at + i] += cells[from.at + i]
}

import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type HistogramMetricData,
  type Histogram as HistogramValue,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics'
import { type GenAiSeries, genAiHistograms } from './gen-ai-series.ts'
import type { Histogram } from './histogram.ts'
import type { ModelPair } from './request-series.ts'
import { scope, timeOf } from './spans.ts'

/** Parallel to GenAiSeries.values. */
const attributeNames = [
  'gen_ai.operation.name',
  'gen_ai.provider.name',
  'gen_ai.request.model',
  'gen_ai.response.model',
] as const

type Part = {
  readonly histogram: Histogram
  readonly attributesOf: (series: GenAiSeries) => Attributes
}

/** Names, units and descriptions of https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/ */
const metrics: readonly {
  readonly name: string
  readonly unit: string
  readonly description: string
  readonly parts: readonly Part[]
}[] = [
  {
    name: 'gen_ai.server.request.duration',
    unit: 's',
    description: 'Seconds from the request to the end of its answer.',
    parts: [
      {
        histogram: genAiHistograms.durationSeconds,
        attributesOf: (series) =>
          series.errorType === '' ? attributesOf(series) : { ...attributesOf(series), 'error.type': series.errorType },
      },
    ],
  },
  {
    name: 'gen_ai.server.time_to_first_token',
    unit: 's',
    description: 'Seconds from the request to the first generated content.',
    parts: [{ histogram: genAiHistograms.ttftSeconds, attributesOf }],
  },
  {
    name: 'gen_ai.server.time_per_output_token',
    unit: 's',
    description: 'Seconds for each generated token after the first.',
    parts: [{ histogram: genAiHistograms.tpotSeconds, attributesOf }],
  },
  {
    name: 'gen_ai.client.token.usage',
    unit: '{token}',
    description: 'Tokens of prompts and of answers.',
    parts: [
      { histogram: genAiHistograms.inputTokens, attributesOf: (series) => tokensOf(series, 'input') },
      { histogram: genAiHistograms.outputTokens, attributesOf: (series) => tokensOf(series, 'output') },
    ],
  },
]

function attributesOf({ values }: GenAiSeries): Attributes {
  return Object.fromEntries(attributeNames.map((name, i) => [name, values[i]]))
}

const tokensOf = (series: GenAiSeries, type: 'input' | 'output'): Attributes => ({
  ...attributesOf(series),
  'gen_ai.token.type': type,
})

/** The GenAI histograms that the metrics page shows, of the same cells, for the OpenTelemetry SDK. Always cumulative. */
export class GenAiProducer implements MetricProducer {
  readonly #resource: Resource
  readonly #pairs: () => Iterable<ModelPair>
  readonly #epochMs: () => number
  readonly #startTime: HrTime

  constructor(resource: Resource, pairs: () => Iterable<ModelPair>, epochMs: () => number) {
    this.#resource = resource
    this.#pairs = pairs
    this.#epochMs = epochMs
    this.#startTime = timeOf(epochMs())
  }

  async collect(): Promise<CollectionResult> {
    const endTime = timeOf(this.#epochMs())
    const data = metrics
      .map(
        ({ name, unit, description, parts }): HistogramMetricData => ({
          descriptor: { name, unit, description, valueType: ValueType.DOUBLE },
          aggregationTemporality: AggregationTemporality.CUMULATIVE,
          dataPointType: DataPointType.HISTOGRAM,
          dataPoints: parts.flatMap((part) => this.#points(part, endTime)),
        }),
      )
      .filter(({ dataPoints }) => dataPoints.length > 0)
    const scopeMetrics = data.length === 0 ? [] : [{ scope, metrics: data }]
    return { resourceMetrics: { resource: this.#resource, scopeMetrics }, errors: [] }
  }

  #points({ histogram, attributesOf }: Part, endTime: HrTime): DataPoint<HistogramValue>[] {
    const points: DataPoint<HistogramValue>[] = []
    for (const pair of this.#pairs()) {
      for (const series of pair.genAi.all()) {
        const count = histogram.count(series.cells)
        if (count === 0) continue
        const { at, bounds, size } = histogram
        const counts = [...series.cells.subarray(at + 1, at + size)]
        const value = { buckets: { boundaries: [...bounds], counts }, sum: series.cells[at], count }
        points.push({ startTime: this.#startTime, endTime, attributes: attributesOf(series), value })
      }
    }
    return points
  }
}

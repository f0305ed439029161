import { otherValue } from './bounded-values.ts'
import { buckets } from './buckets.ts'
import { type Labels, labelsOf } from './family.ts'
import { histogramSet } from './histogram.ts'
import { entryOf } from './series-index.ts'

/** https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/, of the server and of its tokens. */
export const genAiHistograms = histogramSet({
  durationSeconds: buckets.genAi.durationSeconds,
  ttftSeconds: buckets.genAi.ttftSeconds,
  tpotSeconds: buckets.genAi.tpotSeconds,
  inputTokens: buckets.genAi.tokens,
  outputTokens: buckets.genAi.tokens,
})

export const genAiLabelNames = [
  'gen_ai_operation_name',
  'gen_ai_provider_name',
  'gen_ai_request_model',
  'gen_ai_response_model',
] as const

/** `name` is gen_ai.operation.name; `provider` is whose API it is, which is how the conventions mean gen_ai.provider.name. */
const operations = [
  { ending: '/chat/completions', name: 'chat', provider: 'openai' },
  { ending: '/completions', name: 'text_completion', provider: 'openai' },
  { ending: '/embeddings', name: 'embeddings', provider: 'openai' },
  { ending: '/responses', name: 'chat', provider: 'openai' },
  { ending: '/messages', name: 'chat', provider: 'anthropic' },
  { ending: '.VllmEngine/Generate', name: 'text_completion', provider: 'vllm' },
  { ending: '.VllmEngine/Embed', name: 'embeddings', provider: 'vllm' },
  { ending: '', name: otherValue, provider: 'openai' },
] as const

/** Index of the operation that a path asks for. */
export function operationOf(path: string | undefined): number {
  const last = operations.length - 1
  if (path === undefined) return last
  let i = 0
  while (i < last && !path.endsWith(operations[i].ending)) i += 1
  return i
}

/** What the path asks for and whose API it is, by the conventions' names; undefined of a path that they have none for. */
export function namesOfOperation(
  path: string | undefined,
): { readonly name: string; readonly provider: string } | undefined {
  const operation = operations[operationOf(path)]
  return operation.name === otherValue ? undefined : operation
}

export class GenAiSeries {
  /** Parallel to {@link genAiLabelNames}. */
  readonly values: readonly string[]
  /** '' of answers that are no errors. */
  readonly errorType: string
  readonly labels: Labels
  /** {@link labels} with error_type; it is left out, as the conventions say, where there was no error. */
  readonly durationLabels: Labels
  readonly inputLabels: Labels
  readonly outputLabels: Labels
  readonly cells = new Float64Array(genAiHistograms.size)

  constructor(operation: number, model: string, responseModel: string, errorType: string) {
    const { name, provider } = operations[operation]
    this.values = [name, provider, model, responseModel]
    this.errorType = errorType
    this.labels = labelsOf(genAiLabelNames, this.values)
    this.durationLabels = errorType === '' ? this.labels : `${this.labels},${labelsOf(['error_type'], [errorType])}`
    this.inputLabels = `${this.labels},gen_ai_token_type="input"`
    this.outputLabels = `${this.labels},gen_ai_token_type="output"`
  }
}

/** The series of one model and target. */
export class GenAiSeriesOfModel {
  readonly #model: string
  readonly #target: string
  /** By operation, of answers that name the target and are no errors: nearly all. */
  readonly #usual: (GenAiSeries | undefined)[] = operations.map(() => undefined)
  readonly #others = new Map<string, GenAiSeries>()

  constructor(model: string, target: string) {
    this.#model = model
    this.#target = target
  }

  /** @param errorType the status of an error; '' of an answer that is none */
  of(operation: number, responseModel: string, errorType: string): GenAiSeries {
    if (responseModel !== this.#target || errorType !== '') {
      const key = `${operation} ${errorType} ${responseModel}`
      return entryOf(this.#others, key, () => new GenAiSeries(operation, this.#model, responseModel, errorType))
    }
    let series = this.#usual[operation]
    if (series === undefined) {
      series = new GenAiSeries(operation, this.#model, responseModel, '')
      this.#usual[operation] = series
    }
    return series
  }

  *all(): Generator<GenAiSeries> {
    for (const series of this.#usual) if (series !== undefined) yield series
    yield* this.#others.values()
  }
}

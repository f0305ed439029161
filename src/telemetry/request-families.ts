import { errorCodes } from './error-codes.ts'
import {
  emptyFamily,
  type Family,
  type HistogramSample,
  histogramFamily,
  labelsOf,
  type ScalarSample,
  scalarFamily,
} from './family.ts'
import type { GenAiSeries } from './gen-ai-series.ts'
import { genAiHistograms, genAiLabelNames } from './gen-ai-series.ts'
import type { Histogram } from './histogram.ts'
import { flowLabelNames, type ModelPair, modelLabelNames, requestHistograms as of } from './request-series.ts'
import type { RequestStore } from './request-store.ts'

/** What a histogram of requests says, under whatever name. */
const helps = {
  duration: 'Seconds from the request to the end of its answer.',
  requestBytes: 'Bytes of request bodies.',
  responseBytes: 'Bytes of response bodies.',
  inputTokens: 'Prompt tokens, as the model server counts them.',
  outputTokens: 'Generated tokens, as the model server counts them.',
  cachedTokens: 'Prompt tokens that came from the cache of the model server, where it says so.',
  ntpot: 'Seconds from the request to the end of its answer, for each generated token.',
  ttft: 'Seconds from the request to the first generated content; of an answer that comes as a whole, to its end.',
  tpot: 'Seconds for each generated token after the first, of answers that are sent as they are generated.',
  itl: 'Seconds between pieces of generated content: the mean of an answer, counted once for each of its gaps.',
  requests: 'Requests sent to a model server.',
  errors: 'Requests that were refused, or that the model server answered with an error.',
  running: 'Requests sent to a model server whose exchange has not ended.',
  rewrites: 'Requests whose target an InferenceModelRewrite chose.',
}

/** inference_objective_*, and of inference_extension_* what is known by model. */
export function objectiveFamilies(store: RequestStore): Family[] {
  const name = (rest: string) => `inference_objective_${rest}`
  const histogram = (rest: string, help: string, first: Histogram, second?: Histogram): Family =>
    histogramFamily({ name: name(rest), help, labelNames: modelLabelNames }, first, () => store.summed(first, second))
  const predicted = (rest: string, help: string): Family =>
    emptyFamily('histogram', { name: name(rest), help, labelNames: modelLabelNames })
  return [
    scalarFamily(
      'counter',
      { name: name('request_total'), help: helps.requests, labelNames: [...modelLabelNames, 'priority'] },
      () => requestsByPriority(store),
    ),
    scalarFamily(
      'counter',
      { name: name('request_error_total'), help: helps.errors, labelNames: [...modelLabelNames, 'error_code'] },
      () => errorsByPair(store),
    ),
    scalarFamily(
      'gauge',
      {
        name: name('inference_request_metric'),
        help: 'Times of the last answer in seconds, by type: ttft, tpot.',
        labelNames: [...modelLabelNames, 'type'],
      },
      () => lastTimes(store),
    ),
    histogram('request_duration_seconds', helps.duration, of.durationSeconds),
    histogram('request_sizes', helps.requestBytes, of.requestBytes),
    histogram('response_sizes', helps.responseBytes, of.responseBytes),
    histogram('input_tokens', helps.inputTokens, of.promptTokens),
    histogram('output_tokens', helps.outputTokens, of.outputTokens),
    histogram('prompt_cached_tokens', helps.cachedTokens, of.cachedTokens),
    scalarFamily('gauge', { name: name('running_requests'), help: helps.running, labelNames: ['model_name'] }, () =>
      runningByModel(store),
    ),
    histogram('normalized_time_per_output_token_seconds', helps.ntpot, of.ntpotSeconds),
    histogram('request_ttft_seconds', helps.ttft, of.streamTtftSeconds, of.wholeTtftSeconds),
    histogram('request_tpot_seconds', helps.tpot, of.tpotSeconds),
    predicted('request_predicted_ttft_seconds', 'Predicted times to first token; nothing predicts them here.'),
    predicted('request_predicted_tpot_seconds', 'Predicted times per output token; nothing predicts them here.'),
    predicted('request_ttft_prediction_duration_seconds', 'Seconds that predictions of the time to first token took.'),
    predicted('request_tpot_prediction_duration_seconds', 'Seconds that predictions of the time per token took.'),
    emptyFamily('counter', {
      name: name('request_slo_violation_total'),
      help: 'Requests that missed a predicted objective; nothing predicts them here.',
      labelNames: [...modelLabelNames, 'type'],
    }),
  ]
}

/** inference_extension_… or llm_d_epp_model_rewrite_decisions_total. */
export const rewriteFamily = (store: RequestStore, prefix: string): Family =>
  scalarFamily(
    'counter',
    { name: `${prefix}_model_rewrite_decisions_total`, help: helps.rewrites, labelNames: rewriteLabelNames },
    () => rewriteDecisions(store),
  )

const rewriteLabelNames = ['model_rewrite_name', 'model_name', 'target_model'] as const

/** llm_d_epp_request_*: the same figures, by fairness id and priority. */
export function llmdRequestFamilies(store: RequestStore): Family[] {
  const name = (rest: string) => `llm_d_epp_request_${rest}`
  const histogram = (fullName: string, help: string, its: Histogram): Family =>
    histogramFamily({ name: fullName, help, labelNames: flowLabelNames }, its, () => bySeries(store))
  return [
    scalarFamily('counter', { name: name('total'), help: helps.requests, labelNames: flowLabelNames }, function* () {
      for (const { labels, requests } of store.series) if (requests > 0) yield [labels, requests]
    }),
    scalarFamily(
      'counter',
      { name: name('error_total'), help: helps.errors, labelNames: [...flowLabelNames, 'error_code'] },
      function* () {
        for (const { labels, errors } of store.series) {
          for (const [i, code] of errorCodes.entries()) {
            if (errors[i] > 0) yield [`${labels},error_code="${code}"`, errors[i]]
          }
        }
      },
    ),
    scalarFamily('gauge', { name: name('running'), help: helps.running, labelNames: flowLabelNames }, function* () {
      for (const { labels, requests, running } of store.series) if (requests > 0) yield [labels, running]
    }),
    histogram(name('duration_seconds'), helps.duration, of.durationSeconds),
    histogram(name('size_bytes'), helps.requestBytes, of.requestBytes),
    histogram('llm_d_epp_response_size_bytes', helps.responseBytes, of.responseBytes),
    histogram(name('input_tokens'), helps.inputTokens, of.promptTokens),
    histogram(name('output_tokens'), helps.outputTokens, of.outputTokens),
    histogram(name('cached_tokens'), helps.cachedTokens, of.cachedTokens),
    histogram(name('ntpot_seconds'), helps.ntpot, of.ntpotSeconds),
    llmdTtftFamily(store, name('ttft_seconds')),
    histogram(name('streaming_tpot_seconds'), helps.tpot, of.tpotSeconds),
    histogram(name('streaming_itl_seconds'), helps.itl, of.itlSeconds),
    rewriteFamily(store, 'llm_d_epp'),
  ]
}

/** Two histograms of the store are one metric. */
function llmdTtftFamily(store: RequestStore, name: string): Family {
  const head = { name, help: helps.ttft, labelNames: [...flowLabelNames, 'streaming'] }
  const labelled = (value: boolean, its: Histogram): Family =>
    histogramFamily(head, its, function* () {
      for (const [labels, cells] of bySeries(store)) yield [`${labels},streaming="${value}"`, cells]
    })
  const streams = labelled(true, of.streamTtftSeconds)
  const wholes = labelled(false, of.wholeTtftSeconds)
  return {
    ...streams,
    *pieces() {
      yield* streams.pieces()
      yield* wholes.pieces()
    },
  }
}

export function genAiFamilies(store: RequestStore): Family[] {
  const server = (rest: string, help: string, its: Histogram, more: readonly string[] = []): Family =>
    histogramFamily(
      { name: `gen_ai_server_${rest}`, help, labelNames: [...genAiLabelNames, ...more] },
      its,
      function* () {
        const labelsOfIt = (series: GenAiSeries) => (more.length > 0 ? series.durationLabels : series.labels)
        for (const series of genAiSeries(store)) yield [labelsOfIt(series), series.cells]
      },
    )
  const tokens = {
    help: 'Tokens, by gen_ai_token_type: input, output.',
    labelNames: [...genAiLabelNames, 'gen_ai_token_type'],
  }
  const tokenFamily = (its: Histogram, labels: 'inputLabels' | 'outputLabels'): Family =>
    histogramFamily({ name: 'gen_ai_client_token_usage', ...tokens }, its, function* () {
      for (const series of genAiSeries(store)) yield [series[labels], series.cells]
    })
  const input = tokenFamily(genAiHistograms.inputTokens, 'inputLabels')
  const output = tokenFamily(genAiHistograms.outputTokens, 'outputLabels')
  return [
    server('request_duration_seconds', helps.duration, genAiHistograms.durationSeconds, ['error_type']),
    server('time_to_first_token_seconds', helps.ttft, genAiHistograms.ttftSeconds),
    server('time_per_output_token_seconds', helps.tpot, genAiHistograms.tpotSeconds),
    {
      ...input,
      *pieces() {
        yield* input.pieces()
        yield* output.pieces()
      },
    },
  ]
}

function* genAiSeries(store: RequestStore): Generator<GenAiSeries> {
  for (const pair of store.pairs) yield* pair.genAi.all()
}

function* bySeries(store: RequestStore): Generator<HistogramSample> {
  for (const { labels, cells } of store.series) if (cells.length > 0) yield [labels, cells]
}

function* requestsByPriority(store: RequestStore): Generator<ScalarSample> {
  for (const { labels, series } of store.pairs) {
    const totals = new Map<number, number>()
    for (const { priority, requests } of series) {
      if (requests > 0) totals.set(priority, (totals.get(priority) ?? 0) + requests)
    }
    for (const [priority, total] of totals) yield [`${labels},priority="${priority}"`, total]
  }
}

function* errorsByPair(store: RequestStore): Generator<ScalarSample> {
  for (const { labels, series } of store.pairs) {
    for (const [i, code] of errorCodes.entries()) {
      const total = series.reduce((sum, { errors }) => sum + errors[i], 0)
      if (total > 0) yield [`${labels},error_code="${code}"`, total]
    }
  }
}

function* lastTimes(store: RequestStore): Generator<ScalarSample> {
  for (const { labels, lastTtftSeconds, lastTpotSeconds } of store.pairs) {
    if (!Number.isNaN(lastTtftSeconds)) yield [`${labels},type="ttft"`, lastTtftSeconds]
    if (!Number.isNaN(lastTpotSeconds)) yield [`${labels},type="tpot"`, lastTpotSeconds]
  }
}

function* runningByModel(store: RequestStore): Generator<ScalarSample> {
  const totals = new Map<string, number>()
  for (const { model, requests, running } of store.series) {
    if (requests > 0) totals.set(model, (totals.get(model) ?? 0) + running)
  }
  for (const [model, running] of totals) yield [labelsOf(['model_name'], [model]), running]
}

function* rewriteDecisions(store: RequestStore): Generator<ScalarSample> {
  for (const { model, target, rewrites } of store.pairs as Iterable<ModelPair>) {
    for (const [rewrite, count] of rewrites) yield [labelsOf(rewriteLabelNames, [rewrite, model, target]), count]
  }
}

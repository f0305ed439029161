import type { ConversationObserver } from '../extproc/conversation-context.ts'
import type { ResponsePhase } from '../extproc/response-phase.ts'
import type { InferenceRequest } from '../request/inference-request.ts'
import type { Usage } from '../scheduling/plugin.ts'
import { errorCodeOf } from './error-codes.ts'
import { type ExchangeCounts, exchangeHistograms } from './exchange-counts.ts'
import { genAiHistograms, operationOf } from './gen-ai-series.ts'
import { type RequestSeries, requestHistograms } from './request-series.ts'
import type { RequestStore } from './request-store.ts'
import type { SchedulerAttempts } from './scheduler-attempts.ts'
import { observeTarget, type TargetMetrics } from './target-metrics.ts'

export type RequestObserver = Pick<ConversationObserver, 'decided' | 'refused' | 'ended'>

export const defaultFairnessId = 'default-flow'

/** Counts what becomes of requests: one call at the decision, one at the end, and nothing between them. */
export function createRequestObserver(
  store: RequestStore,
  counts: ExchangeCounts,
  attempts: SchedulerAttempts,
  targets: TargetMetrics,
): RequestObserver {
  const fairnessIdOf = (request: InferenceRequest): string => (store.splitsFairnessIds ? request.fairnessId : '')

  const refusedSeries = (request: InferenceRequest): RequestSeries => {
    const { model = '', targetModel, priority, poolKey } = request
    // Anyone can ask for any name: one that was not resolved must not take the place of one that is served.
    return poolKey === ''
      ? store.unservedSeriesOf(model, targetModel, fairnessIdOf(request), priority)
      : store.seriesOf(model, targetModel, fairnessIdOf(request), priority)
  }

  return {
    decided(request, { pool, rewrite, rollout }, flight, heldBytes) {
      const model = request.model
      counts.results.add(pool !== undefined ? 'routed' : model !== undefined ? 'named' : 'passed')
      countField(counts, request)
      observeDecision(counts, request, heldBytes)
      if (flight === undefined) return
      const series = store.seriesOf(model ?? '', request.targetModel, fairnessIdOf(request), request.priority)
      request.series = series
      series.requests += 1
      series.running += 1
      if (rollout !== undefined) targets.decided(request, rollout.resource)
      attempts.succeeded(flight.endpoint, series.target)
      if (rewrite !== undefined) {
        const { rewrites } = series.pair
        rewrites.set(rewrite.name, (rewrites.get(rewrite.name) ?? 0) + 1)
      }
    },

    refused(code, request) {
      counts.results.add(code)
      if (Number.isNaN(request.decidedAtMs) && request.model === undefined) countField(counts, request)
      const series = request.series ?? refusedSeries(request)
      series.failed(errorCodeOf(code))
      const rollout = request.route?.rollout
      if (rollout !== undefined) targets.refused(code, request, rollout.resource)
      if (code === 'no_endpoint' || code === 'no_server') attempts.failed(series.target)
    },

    ended(request, _flight, response) {
      const { series, targetSeries } = request
      if (response !== undefined) observeResponse(counts, request, response)
      if (series === undefined) return
      series.running -= 1
      if (targetSeries !== undefined) observeTarget(targetSeries, request, response)
      requestHistograms.requestBytes.observe(series.observed(), request.bodyBytes)
      if (response !== undefined) observeAnswer(store, counts, series, request, response)
    },
  }
}

/** What a body router looks for; a body that is not read, or can't be, has no fields. */
function countField(counts: ExchangeCounts, { reader }: InferenceRequest): void {
  if (reader === undefined || reader.error !== undefined) return
  if (reader.model === undefined) counts.modelsMissing += 1
  else if (reader.model === '') counts.modelsEmpty += 1
  else counts.modelsNamed += 1
}

function observeDecision(counts: ExchangeCounts, request: InferenceRequest, heldBytes: number): void {
  const { cells } = counts
  const { startedAtMs, queuedAtMs, decidedAtMs } = request
  const readAtMs = Number.isNaN(queuedAtMs) ? decidedAtMs : queuedAtMs
  exchangeHistograms.decisionSeconds.observe(cells, (decidedAtMs - startedAtMs) / 1000)
  exchangeHistograms.bodySeconds.observe(cells, (readAtMs - startedAtMs) / 1000)
  exchangeHistograms.queueSeconds.observe(cells, (decidedAtMs - queuedAtMs) / 1000)
  exchangeHistograms.heldBytes.observe(cells, heldBytes)
  if (!request.hasEnded && request.facts.body !== 'none') counts.earlyDecisions += 1
}

function observeResponse(counts: ExchangeCounts, { decidedAtMs }: InferenceRequest, response: ResponsePhase): void {
  counts.answered(response.status)
  counts.responseBytes += response.bytes
  exchangeHistograms.firstByteSeconds.observe(counts.cells, (response.beganAtMs - decidedAtMs) / 1000)
}

/** An answer that was cut says nothing of how long answers take. */
function observeAnswer(
  store: RequestStore,
  counts: ExchangeCounts,
  series: RequestSeries,
  request: InferenceRequest,
  response: ResponsePhase,
): void {
  const { status, endedAtMs, bytes, reader } = response
  const isError = status >= 400
  if (isError) series.failed('ModelServerError')
  if (Number.isNaN(endedAtMs)) return
  const { cells, pair } = series
  const durationSeconds = (endedAtMs - request.startedAtMs) / 1000
  requestHistograms.durationSeconds.observe(cells, durationSeconds)
  requestHistograms.responseBytes.observe(cells, bytes)
  const named = reader?.model
  const responseModel = named === undefined || named === series.target ? series.target : store.models.claim(named)
  const genAi = pair.genAi.of(operationOf(request.facts.path), responseModel, isError ? String(status) : '')
  genAiHistograms.durationSeconds.observe(genAi.cells, durationSeconds)
  if (isError || reader === undefined) return
  const { usage } = reader
  if (usage !== undefined) observeTokens(series.cells, genAi.cells, usage, durationSeconds)
  counts.outputTokens += usage?.completionTokens ?? 0
  const ttftSeconds = reader.isStream ? (response.firstTokenAtMs - request.startedAtMs) / 1000 : durationSeconds
  exchangeHistograms.ttftSeconds.observe(counts.cells, ttftSeconds)
  if (!reader.isStream) requestHistograms.wholeTtftSeconds.observe(cells, durationSeconds)
  else observeStream(series, genAi.cells, request, response, usage?.completionTokens)
}

function observeTokens(cells: Float64Array, genAiCells: Float64Array, usage: Usage, durationSeconds: number): void {
  const { promptTokens, completionTokens, cachedTokens } = usage
  if (promptTokens !== undefined) {
    requestHistograms.promptTokens.observe(cells, promptTokens)
    genAiHistograms.inputTokens.observe(genAiCells, promptTokens)
  }
  if (cachedTokens !== undefined) requestHistograms.cachedTokens.observe(cells, cachedTokens)
  if (completionTokens === undefined) return
  requestHistograms.outputTokens.observe(cells, completionTokens)
  genAiHistograms.outputTokens.observe(genAiCells, completionTokens)
  if (completionTokens > 0) requestHistograms.ntpotSeconds.observe(cells, durationSeconds / completionTokens)
}

function observeStream(
  { cells, pair }: RequestSeries,
  genAiCells: Float64Array,
  request: InferenceRequest,
  { reader, firstTokenAtMs, endedAtMs }: ResponsePhase,
  completionTokens: number | undefined,
): void {
  if (Number.isNaN(firstTokenAtMs)) return
  const ttftSeconds = (firstTokenAtMs - request.startedAtMs) / 1000
  const restSeconds = (endedAtMs - firstTokenAtMs) / 1000
  const { events } = reader!
  requestHistograms.streamTtftSeconds.observe(cells, ttftSeconds)
  genAiHistograms.ttftSeconds.observe(genAiCells, ttftSeconds)
  pair.lastTtftSeconds = ttftSeconds
  if (events > 1) requestHistograms.itlSeconds.observe(cells, restSeconds / (events - 1), events - 1)
  if (completionTokens === undefined || completionTokens < 2) return
  const tpotSeconds = restSeconds / (completionTokens - 1)
  requestHistograms.tpotSeconds.observe(cells, tpotSeconds)
  genAiHistograms.tpotSeconds.observe(genAiCells, tpotSeconds)
  pair.lastTpotSeconds = tpotSeconds
}

import type { ResponsePhase } from '../../src/extproc/response-phase.ts'
import type { BodyReader } from '../../src/request/bodies/body-reader.ts'
import { createHeaderTable } from '../../src/request/control-headers.ts'
import { unknownFacts } from '../../src/request/facts.ts'
import type { Flight } from '../../src/request/flight.ts'
import { InferenceRequest } from '../../src/request/inference-request.ts'
import type { Route } from '../../src/request/resolve.ts'
import type { ResponseReader } from '../../src/response/response-reader.ts'
import type { Usage } from '../../src/scheduling/plugin.ts'
import type { MetricsState } from '../../src/telemetry/metrics.ts'
import { endpoints } from '../scheduling/endpoints.ts'

export const idle: MetricsState = { openExchanges: () => 0, pools: () => [], resourceProblems: () => 0 }

const table = createHeaderTable([])

export type RequestParts = {
  model?: string | undefined
  target?: string
  priority?: number
  poolKey?: string
  fairnessId?: string
  path?: string
  bodyBytes?: number
  isEnded?: boolean
  startedAtMs?: number
  queuedAtMs?: number
  decidedAtMs?: number
}

/** A request that is about to be decided. */
export function requestWith(parts: RequestParts): InferenceRequest {
  const request = new InferenceRequest(table, undefined, true)
  const headers: string[] = []
  if (parts.fairnessId !== undefined) headers[table.slotOf('x-llm-d-inference-fairness-id')] = parts.fairnessId
  request.headers = headers
  request.facts = { ...unknownFacts, path: parts.path ?? '/v1/chat/completions' }
  if ('model' in parts) request.reader = { model: parts.model } as BodyReader
  request.targetModel = parts.target ?? parts.model ?? ''
  request.priority = parts.priority ?? 0
  request.poolKey = parts.poolKey ?? 'default/pool'
  request.bodyBytes = parts.bodyBytes ?? 100
  request.hasEnded = parts.isEnded ?? true
  request.startedAtMs = parts.startedAtMs ?? 1_000
  request.queuedAtMs = parts.queuedAtMs ?? Number.NaN
  request.decidedAtMs = parts.decidedAtMs ?? 1_002
  return request
}

export const [server] = endpoints({ address: '10.0.0.1:8000', name: 'server-1' })

export const flightTo = (to = server): Flight => ({ endpoint: to }) as Flight

export const routeTo = (poolKey: string | undefined, rewrite?: string): Route =>
  ({ pool: poolKey && { key: poolKey }, rewrite: rewrite && { name: rewrite } }) as unknown as Route

export type ResponseParts = {
  status?: number
  bytes?: number
  beganAtMs?: number
  firstTokenAtMs?: number
  endedAtMs?: number
  model?: string
  usage?: Partial<Usage>
  isStream?: boolean
  events?: number
}

export function responseWith(parts: ResponseParts): ResponsePhase {
  const none = { promptTokens: undefined, completionTokens: undefined, cachedTokens: undefined, totalTokens: undefined }
  const reader = {
    model: parts.model,
    usage: parts.usage && { ...none, ...parts.usage },
    isStream: parts.isStream ?? false,
    events: parts.events ?? 1,
  } as ResponseReader
  return {
    status: parts.status ?? 200,
    bytes: parts.bytes ?? 500,
    beganAtMs: parts.beganAtMs ?? 1_100,
    firstTokenAtMs: parts.firstTokenAtMs ?? Number.NaN,
    endedAtMs: parts.endedAtMs ?? 3_000,
    reader,
  } as ResponsePhase
}

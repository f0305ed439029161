import {
  type Attributes,
  createTraceState,
  type HrTime,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
} from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import manifest from '../../package.json' with { type: 'json' }
import { slot } from '../extproc/headers.ts'
import type { InferenceRequest } from '../request/inference-request.ts'
import type { TraceContext } from '../request/trace-context.ts'
import type { Ended } from './exchange-ends.ts'
import { namesOfOperation } from './gen-ai-series.ts'
import { chooserOf, ratingOf } from './outcome.ts'
import { promptAttributes } from './prompt-attributes.ts'

/** What spans are made with. */
export type SpanWorld = {
  readonly resource: Resource
  readonly newSpanId: () => string
  /** Milliseconds from the moment that the request's clock counts from to 1970. */
  readonly epochOffsetMs: number
}

/** Of a path in an attribute, UTF-16 code units. */
const maxPathLength = 1024

export const scope = { name: 'signalbox', version: manifest.version }

/** The spans of a request: its own, that of the decision below it, and below that the wait in a queue, where there was one. */
export function spansOf(ended: Ended, trace: TraceContext, world: SpanWorld): ReadableSpan[] {
  const { request, endedAtMs } = ended
  const { startedAtMs, queuedAtMs, decidedAtMs } = request
  const { traceId, spanId, traceFlags, parent, tracestate } = trace
  const contextOf = (id: string): SpanContext =>
    tracestate === undefined
      ? { traceId, spanId: id, traceFlags }
      : { traceId, spanId: id, traceFlags, traceState: createTraceState(tracestate) }
  const operation = namesOfOperation(request.facts.path)
  const error = errorOf(ended)
  const own = spanOf(world, {
    name: nameOf(request, operation),
    kind: SpanKind.SERVER,
    context: contextOf(spanId),
    parent: parent && { ...parent, isRemote: true },
    startMs: startedAtMs,
    endMs: endedAtMs,
    attributes: requestAttributes(ended, operation, error),
    error,
  })
  const isDecided = !Number.isNaN(decidedAtMs)
  const wasQueued = !Number.isNaN(queuedAtMs)
  // Before anything was to be decided the client left, or had its answer from elsewhere.
  if (!isDecided && !wasQueued && request.refusal === undefined) return [own]
  const untilMs = isDecided ? decidedAtMs : endedAtMs
  const decision = spanOf(world, {
    name: 'signalbox.decide',
    kind: SpanKind.INTERNAL,
    context: contextOf(world.newSpanId()),
    parent: own.spanContext(),
    startMs: startedAtMs,
    endMs: untilMs,
    attributes: decisionAttributes(ended),
    error: isDecided ? undefined : error,
  })
  if (!wasQueued) return [own, decision]
  const queue = spanOf(world, {
    name: 'signalbox.queue',
    kind: SpanKind.INTERNAL,
    context: contextOf(world.newSpanId()),
    parent: decision.spanContext(),
    startMs: queuedAtMs,
    endMs: untilMs,
    attributes: { 'signalbox.pool': request.poolKey, 'signalbox.priority': request.priority },
    error: isDecided ? undefined : error,
  })
  return [own, decision, queue]
}

type SpanParts = Pick<ReadableSpan, 'name' | 'kind' | 'attributes'> & {
  readonly context: SpanContext
  readonly parent: SpanContext | undefined
  /** Of the request's clock. */
  readonly startMs: number
  readonly endMs: number
  /** Undefined of what went well. */
  readonly error: string | undefined
}

function spanOf({ resource, epochOffsetMs }: SpanWorld, parts: SpanParts): ReadableSpan {
  const { name, kind, attributes, context, parent, startMs, endMs, error } = parts
  return {
    name,
    kind,
    spanContext: () => context,
    ...(parent && { parentSpanContext: parent }),
    startTime: timeOf(startMs + epochOffsetMs),
    endTime: timeOf(endMs + epochOffsetMs),
    duration: timeOf(endMs - startMs),
    status: error === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: error },
    attributes,
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

/** As the conventions have it; a request that they have no name for goes by its method. */
function nameOf({ headers, model }: InferenceRequest, operation: Operation): string {
  if (operation === undefined) return headers?.[slot.method] ?? 'request'
  return model === undefined ? operation.name : `${operation.name} ${model}`
}

type Operation = ReturnType<typeof namesOfOperation>

/** `error.type`: a code of ours, a status, or `cut`; undefined of what went well. */
function errorOf({ request, outcome, status }: Ended): string | undefined {
  switch (outcome) {
    case 'refused':
      return request.refusal?.code
    case 'error':
      return String(status)
    case 'cut':
      return 'cut'
    case 'answered':
    case 'unseen':
      return undefined
  }
}

/** https://github.com/open-telemetry/semantic-conventions-genai, gen-ai-spans; what it has no names for is under `signalbox.`. */
function requestAttributes(
  { request, flight, response, outcome, status }: Ended,
  operation: Operation,
  error: string | undefined,
): Attributes {
  const { facts, headers, reader, promptText } = request
  const usage = response?.reader?.usage
  const isStream = response?.reader?.isStream === true
  const server = flight && splitAddress(flight.endpoint.address)
  return told({
    'http.request.method': headers?.[slot.method],
    'url.path': facts.path?.slice(0, maxPathLength),
    'http.response.status_code': status,
    'error.type': error,
    'gen_ai.operation.name': operation?.name,
    'gen_ai.provider.name': operation?.provider,
    'gen_ai.request.model': request.model,
    'gen_ai.request.max_tokens': request.maxOutputTokens,
    'gen_ai.request.stream': reader?.stream || undefined,
    'gen_ai.response.model': response?.reader?.model,
    'gen_ai.response.time_to_first_chunk':
      isStream && response !== undefined ? (response.firstTokenAtMs - request.startedAtMs) / 1000 : undefined,
    'gen_ai.usage.input_tokens': usage?.promptTokens,
    'gen_ai.usage.output_tokens': usage?.completionTokens,
    'gen_ai.usage.cache_read.input_tokens': usage?.cachedTokens,
    'server.address': server?.host,
    'server.port': server?.port,
    'signalbox.outcome': outcome,
    'signalbox.request.body_bytes': request.bodyBytes,
    'signalbox.request.held_bytes': request.heldBytes,
    'signalbox.response.body_bytes': response?.bytes,
    ...(promptText && promptAttributes(promptText)),
  })
}

function decisionAttributes({ request, flight }: Ended): Attributes {
  const { route, poolKey, targetModel } = request
  if (route === undefined) return {}
  const rating = flight && ratingOf(flight)
  // Not where it went in the end: a proxy may fall back to another.
  const chosen = flight?.scheduled.endpoints[0]
  return told({
    'signalbox.pool': poolKey || undefined,
    'signalbox.target.model': targetModel || undefined,
    'signalbox.target.chosen_by': chooserOf(route),
    'signalbox.base_model': route.baseModel,
    'signalbox.priority': request.priority,
    'signalbox.endpoint.address': chosen?.address,
    'signalbox.endpoint.name': chosen?.name,
    'signalbox.endpoint.profile': flight?.scheduled.profileName,
    'signalbox.endpoint.candidates': rating?.candidates,
    'signalbox.endpoint.score': rating?.score,
    'signalbox.endpoint.next_score': rating?.next,
  })
}

/** Without what is not known. */
function told(attributes: Record<string, string | number | boolean | undefined>): Attributes {
  const known: Attributes = {}
  for (const name in attributes) {
    const value = attributes[name]
    if (value !== undefined && !(typeof value === 'number' && Number.isNaN(value))) known[name] = value
  }
  return known
}

/** `host:port`, an IPv6 address in brackets. */
function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) }
}

/** Seconds and nanoseconds. */
export function timeOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1e6))]
}

import { ROOT_CONTEXT, SpanKind, trace as traces } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import { type IdGenerator, type ReadableSpan, type Sampler, SamplingDecision } from '@opentelemetry/sdk-trace'
import type { Clock } from '../clock.ts'
import type { InferenceRequest } from '../request/inference-request.ts'
import {
  parseTraceparent,
  type TraceContext,
  traceparentHeader,
  traceparentOf,
  tracestateHeader,
} from '../request/trace-context.ts'
import type { Ended } from './exchange-ends.ts'
import { spansOf } from './spans.ts'

export type TracerParts = {
  readonly sampler: Sampler
  readonly ids: IdGenerator
  readonly resource: Resource
  readonly clock: Pick<Clock, 'nowMs' | 'epochMs'>
  /** Takes a span that has ended. */
  readonly export: (span: ReadableSpan) => void
}

/** Gives requests their place in a trace, and makes their spans when they are over, of the times that they have by then. */
export class Tracer {
  readonly #parts: TracerParts

  constructor(parts: TracerParts) {
    this.#parts = parts
  }

  /** Continues the client's trace, or begins one: `request.trace`. At most once for a request. */
  begin(request: InferenceRequest): TraceContext {
    request.trace ??= this.#contextOf(request)
    return request.trace
  }

  #contextOf(request: InferenceRequest): TraceContext {
    const { sampler, ids } = this.#parts
    const parent = parseTraceparent(request.header(traceparentHeader))
    const tracestate = request.header(tracestateHeader)
    const traceId = parent?.traceId ?? ids.generateTraceId()
    const remote =
      parent === undefined ? ROOT_CONTEXT : traces.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true })
    const { decision } = sampler.shouldSample(remote, traceId, 'request', SpanKind.SERVER, {}, [])
    const isSampled = decision === SamplingDecision.RECORD_AND_SAMPLED
    const spanId = ids.generateSpanId()
    const wasSampled = parent !== undefined && (parent.traceFlags & 1) === 1
    // Of the flags that this version does not know none goes on, but that the trace id is random (level 2, section 3.2.2.5.2).
    const traceFlags = ((parent?.traceFlags ?? 0) & 2) | (isSampled ? 1 : 0)
    // A span that nobody records is no parent: the client's remains it, if it says the same.
    const isPassed = parent !== undefined && !isSampled && !wasSampled
    return {
      traceId,
      spanId,
      traceFlags,
      parent,
      tracestate: parent && tracestate,
      isSampled,
      traceparent: isPassed ? undefined : traceparentOf(traceId, spanId, traceFlags),
      dropsTracestate: parent === undefined && tracestate !== undefined,
    }
  }

  /** The exchange is over. */
  end(ended: Ended): void {
    const trace = this.begin(ended.request)
    if (!trace.isSampled) return
    const { clock, resource, ids } = this.#parts
    const epochOffsetMs = clock.epochMs() - clock.nowMs()
    for (const span of spansOf(ended, trace, { resource, newSpanId: () => ids.generateSpanId(), epochOffsetMs })) {
      this.#parts.export(span)
    }
  }
}

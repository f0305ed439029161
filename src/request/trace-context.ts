/** W3C Trace Context, https://www.w3.org/TR/trace-context/ */

export const traceparentHeader = 'traceparent'
export const tracestateHeader = 'tracestate'

/** The span that a request was sent in. */
export type RemoteSpan = {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  /** Bit 0: the trace is recorded. */
  readonly traceFlags: number
}

/** A request's place in a trace. */
export type TraceContext = {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** Of the request's own span: 16 hexadecimal digits. */
  readonly spanId: string
  readonly traceFlags: number
  /** The client's span; undefined where the trace begins here. */
  readonly parent: RemoteSpan | undefined
  /** The client's tracestate, where it belongs to the trace. */
  readonly tracestate: string | undefined
  readonly isSampled: boolean
  /** What the model server gets; undefined where the client's own value may stay. */
  readonly traceparent: string | undefined
  /** The client's tracestate belongs to no trace, and must not go on (section 4.3). */
  readonly dropsTracestate: boolean
}

const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Undefined where the value is absent or broken. Of a later version the fields that this one knows count (section 3.2.2). */
export function parseTraceparent(value: string | undefined): RemoteSpan | undefined {
  const match = value === undefined ? null : traceparentPattern.exec(value)
  if (match === null) return undefined
  const [, version, traceId, spanId, flags, rest] = match
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) }
}

export const traceparentOf = (traceId: string, spanId: string, traceFlags: number): string =>
  `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`

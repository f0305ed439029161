import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader'

type Value = string | number | boolean
type KeyValue = { readonly key: string; readonly value: Readonly<Record<string, Value>> }
type Resource = { readonly attributes?: readonly KeyValue[] }

export type ReceivedSpan = {
  readonly name: string
  readonly kind: string
  readonly traceId: string
  readonly spanId: string
  /** '' where there is none. */
  readonly parentSpanId: string
  readonly traceState: string
  readonly status: { readonly code: string; readonly message: string }
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Readonly<Record<string, Value>>
  readonly resource: Readonly<Record<string, Value>>
}

export type ReceivedPoint = {
  readonly name: string
  readonly unit: string
  readonly temporality: string
  readonly attributes: Readonly<Record<string, Value>>
  readonly count: number
  readonly sum: number
  readonly counts: readonly number[]
  readonly bounds: readonly number[]
  readonly resource: Readonly<Record<string, Value>>
}

const definition = loadSync(join(import.meta.dirname, 'otlp.proto'), {
  keepCase: false,
  enums: String,
  longs: Number,
  defaults: true,
  oneofs: false,
})
const { Traces, Metrics } = definition['otlp.Receiver'] as ServiceDefinition

/** A receiver of OTLP over HTTP that keeps what it gets. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = []
  /** Of the last export. */
  points: ReceivedPoint[] = []
  /** Of all requests, with their paths. */
  readonly headers: { readonly path: string; readonly headers: Readonly<Record<string, unknown>> }[] = []
  /** What it answers. */
  status = 200
  /** What it answers with another status. */
  refusal = ''
  readonly #server = createServer(async (request, response) => {
    const path = request.url ?? ''
    this.headers.push({ path, headers: request.headers })
    const body = await buffer(request)
    const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
    if (this.status === 200) this.#take(path, bytes)
    response.writeHead(this.status, { 'content-type': 'application/x-protobuf' })
    response.end(this.status === 200 ? undefined : this.refusal)
  })

  /** Resolves to its address, such as `http://127.0.0.1:4318`. */
  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #take(path: string, bytes: Buffer): void {
    if (path === '/v1/traces') this.spans.push(...spansIn(bytes))
    else if (path === '/v1/metrics') this.points = pointsIn(bytes)
  }
}

export function spansIn(bytes: Buffer): ReceivedSpan[] {
  // biome-ignore lint/suspicious/noExplicitAny: as proto-loader makes it of the messages above
  const { resourceSpans } = Traces.requestDeserialize(bytes) as any
  // biome-ignore lint/suspicious/noExplicitAny: the same
  return resourceSpans.flatMap(({ resource, scopeSpans }: any) =>
    // biome-ignore lint/suspicious/noExplicitAny: the same
    scopeSpans.flatMap(({ spans }: any) => spans.map((span: any) => spanOf(span, resource))),
  )
}

// biome-ignore lint/suspicious/noExplicitAny: the same
const spanOf = (span: any, resource: Resource): ReceivedSpan => ({
  name: span.name,
  kind: span.kind,
  traceId: span.traceId.toString('hex'),
  spanId: span.spanId.toString('hex'),
  parentSpanId: span.parentSpanId.toString('hex'),
  traceState: span.traceState,
  status: { code: span.status?.code ?? 'UNSET', message: span.status?.message ?? '' },
  startMs: span.startTimeUnixNano / 1e6,
  endMs: span.endTimeUnixNano / 1e6,
  attributes: attributesOf(span),
  resource: attributesOf(resource),
})

function pointsIn(bytes: Buffer): ReceivedPoint[] {
  // biome-ignore lint/suspicious/noExplicitAny: as proto-loader makes it of the messages above
  const { resourceMetrics } = Metrics.requestDeserialize(bytes) as any
  // biome-ignore lint/suspicious/noExplicitAny: the same
  return resourceMetrics.flatMap(({ resource, scopeMetrics }: any) =>
    // biome-ignore lint/suspicious/noExplicitAny: the same
    scopeMetrics.flatMap(({ metrics }: any) => metrics.flatMap((metric: any) => pointsOf(metric, resource))),
  )
}

// biome-ignore lint/suspicious/noExplicitAny: the same
const pointsOf = ({ name, unit, histogram }: any, resource: Resource): ReceivedPoint[] =>
  // biome-ignore lint/suspicious/noExplicitAny: the same
  histogram.dataPoints.map((point: any) => ({
    name,
    unit,
    temporality: histogram.aggregationTemporality,
    attributes: attributesOf(point),
    count: point.count,
    sum: point.sum,
    counts: point.bucketCounts,
    bounds: point.explicitBounds,
    resource: attributesOf(resource),
  }))

/** Defaults stand beside the value that is set, which is the one that is not empty, if any is. */
function attributesOf({ attributes = [] }: Resource): Record<string, Value> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]))
}

const plainValue = ({ stringValue, boolValue, intValue, doubleValue }: Readonly<Record<string, Value>>): Value =>
  stringValue || boolValue || intValue || doubleValue || (stringValue ?? intValue ?? doubleValue ?? false)

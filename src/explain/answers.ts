import { join } from 'node:path'
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader'
import type { ExplainedAnswer, ExplainedHeaders } from './explanation.ts'

/** Beside `src`, in a checkout and in the image. */
const protoFolder = join(import.meta.dirname, '../../protos')

/** A gRPC message begins with a flag and its length. */
const prefixBytes = 5

type HeaderMutation = {
  readonly set_headers?: readonly { readonly header?: { readonly key: string; readonly raw_value: Buffer } }[]
  readonly remove_headers?: readonly string[]
}
type Value = {
  readonly stringValue?: string
  readonly numberValue?: number
  readonly boolValue?: boolean
  readonly structValue?: Struct
}
type Struct = { readonly fields?: Readonly<Record<string, Value>> }

/** A ProcessingResponse, as far as it is read. */
type ProcessingResponse = {
  readonly request_headers?: {
    readonly response?: { readonly header_mutation?: HeaderMutation; readonly clear_route_cache?: boolean }
  }
  readonly immediate_response?: {
    readonly status?: { readonly code?: number }
    readonly body?: Buffer
    readonly details?: string
  }
  readonly dynamic_metadata?: Struct
}

let decode: ((message: Buffer) => object) | undefined

/** Loaded when it is asked for: serving has a codec of its own, against which this one is held. */
function decoder(): (message: Buffer) => object {
  if (decode === undefined) {
    const file = 'envoy/service/ext_proc/v3/external_processor.proto'
    const definitions = loadSync(file, { includeDirs: [protoFolder], keepCase: true, longs: Number, oneofs: true })
    const service = definitions['envoy.service.ext_proc.v3.ExternalProcessor'] as ServiceDefinition
    decode = service.Process.responseDeserialize
  }
  return decode
}

/** What a conversation has written about the headers of the request, or instead of going on. */
export type Told = { readonly sent?: SentHeaders; readonly answer?: ExplainedAnswer }
type SentHeaders = Omit<ExplainedHeaders, 'changesBody'>

/** Reads what was written: gRPC messages, each of them whole. The answers to a body are passed over. */
export function readAnswers(written: readonly Buffer[]): Told {
  const stream = Buffer.concat(written)
  for (let at = 0; at < stream.length; ) {
    const end = at + prefixBytes + stream.readUInt32BE(at + 1)
    const response = decoder()(stream.subarray(at + prefixBytes, end)) as ProcessingResponse
    if (response.immediate_response !== undefined) return { answer: readImmediate(response.immediate_response) }
    if (response.request_headers !== undefined) return { sent: readHeaders(response) }
    at = end
  }
  return {}
}

function readHeaders({ request_headers, dynamic_metadata }: ProcessingResponse): SentHeaders {
  const { header_mutation: mutation, clear_route_cache: clearsRoute = false } = request_headers?.response ?? {}
  const set = (mutation?.set_headers ?? []).flatMap(({ header }) =>
    header === undefined ? [] : [[header.key, header.raw_value.toString()] as const],
  )
  const sent = { set, removed: mutation?.remove_headers ?? [], clearsRoute }
  return dynamic_metadata === undefined ? sent : { ...sent, metadata: plainOf(dynamic_metadata) }
}

function readImmediate({
  status,
  body,
  details,
}: NonNullable<ProcessingResponse['immediate_response']>): ExplainedAnswer {
  const text = body?.toString() ?? ''
  const answer = { status: status?.code ?? 200, message: messageIn(text) }
  return details === undefined || details === '' ? answer : { ...answer, details }
}

/** The message of an error as the OpenAI API shapes it; any other text as it is. */
function messageIn(text: string): string {
  try {
    const value = JSON.parse(text) as { error?: { message?: unknown } }
    return typeof value.error?.message === 'string' ? value.error.message : text
  } catch {
    return text
  }
}

const plainOf = ({ fields = {} }: Struct): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plainValue(value)]))

function plainValue({ stringValue, numberValue, boolValue, structValue }: Value): unknown {
  return structValue === undefined ? (stringValue ?? numberValue ?? boolValue) : plainOf(structValue)
}

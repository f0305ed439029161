import type { GrpcObject, ServiceClientConstructor, ServiceDefinition } from '@grpc/grpc-js'
import { loadProtos } from '../../protos/load.ts'
import { Cursor, tagOf, wireType } from '../../src/extproc/wire.ts'
import { chatBody } from '../bodies.ts'
import { modelName } from '../peers/resources.ts'

/** Which event a ProcessingResponse answers: its field there. */
export const answerTo = { responseHeaders: 2, requestBody: 3, responseBody: 4, immediate: 7 } as const

/** Numbers of an answer's dynamic metadata by namespace. */
type Answer = { dynamic_metadata?: { fields?: Record<string, { structValue?: { fields?: Record<string, Value> } }> } }
type Value = { numberValue?: number }

const prefixBytes = 5
const bodyTag = tagOf(1, wireType.bytes)
const streamedTag = tagOf(3, wireType.bytes)
const mutationTag = tagOf(3, wireType.bytes)
const commonTag = tagOf(1, wireType.bytes)

const { envoy } = loadProtos().grpc as { envoy: { service: { ext_proc: { v3: GrpcObject } } } }
const ExternalProcessor = envoy.service.ext_proc.v3.ExternalProcessor as ServiceClientConstructor
const { Process } = ExternalProcessor.service as ServiceDefinition

/** How Envoy sends the body of a response: to be sent back, or to be acknowledged piece by piece. */
export type ResponseMode = 'FULL_DUPLEX_STREAMED' | 'STREAMED'

/** The message that begins an exchange whose request is in full duplex. */
export const requestHeaders = (mode: ResponseMode) =>
  message({
    request_headers: headers({
      ':method': 'POST',
      ':scheme': 'http',
      ':authority': 'models.example.com',
      ':path': '/v1/chat/completions',
      'content-type': 'application/json',
      'x-request-id': '6e1a7c52-5f0e-4a9e-9c37-3a1f5d1b7a10',
    }),
    protocol_config: { request_body_mode: 'FULL_DUPLEX_STREAMED', response_body_mode: mode },
  })

export const opening = {
  requestHeaders: {
    STREAMED: requestHeaders('STREAMED'),
    FULL_DUPLEX_STREAMED: requestHeaders('FULL_DUPLEX_STREAMED'),
  },
  requestBody: message({ request_body: { body: chatBody(1024, 'first', modelName), end_of_stream: true } }),
  responseHeaders: message({ response_headers: headers({ ':status': '200', 'content-type': 'text/event-stream' }) }),
}

/** A message for each piece of a response; the last one ends it. */
export function responseMessages(pieces: readonly Buffer[]): Buffer[] {
  return pieces.map((body, index) => message({ response_body: { body, end_of_stream: index === pieces.length - 1 } }))
}

/** What an answer says has been used, by name; undefined when it has no such dynamic metadata. */
export function reportedNumbers(answer: Buffer, namespace: string): Record<string, number> | undefined {
  const { dynamic_metadata } = Process.responseDeserialize(answer) as Answer
  const fields = dynamic_metadata?.fields?.[namespace]?.structValue?.fields
  if (fields === undefined) return undefined
  return Object.fromEntries(Object.entries(fields).map(([name, { numberValue = Number.NaN }]) => [name, numberValue]))
}

function headers(values: Readonly<Record<string, string>>): object {
  return {
    headers: { headers: Object.entries(values).map(([key, value]) => ({ key, raw_value: Buffer.from(value) })) },
  }
}

/** A ProcessingRequest with its gRPC prefix. */
export function message(request: object): Buffer {
  const bytes = Process.requestSerialize(request)
  const prefix = Buffer.alloc(prefixBytes)
  prefix.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([prefix, bytes])
}

/** Cuts a stream's bytes into ProcessingResponses. */
export class AnswerReader {
  readonly #tell: (answer: Buffer) => void
  #rest: Buffer = Buffer.alloc(0)

  constructor(tell: (answer: Buffer) => void) {
    this.#tell = tell
  }

  push(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (bytes.length >= prefixBytes) {
      const end = prefixBytes + bytes.readUInt32BE(1)
      if (bytes.length < end) break
      this.#tell(bytes.subarray(prefixBytes, end))
      bytes = bytes.subarray(end)
    }
    this.#rest = bytes
  }
}

/** The event that a ProcessingResponse answers (the number of {@link answerTo}); 0 for none. */
export function answeredEvent(answer: Buffer): number {
  const cursor = new Cursor(answer, 0, answer.length)
  while (cursor.at < answer.length) {
    const tag = cursor.tag()
    if (tag >>> 3 <= answerTo.immediate) return tag >>> 3
    cursor.skip(tag)
  }
  return 0
}

/** The bytes that an answer to a response body sends on; undefined when it says that they stay as they were. */
export function sentBody(answer: Buffer): Buffer | undefined {
  const cursor = new Cursor(answer, 0, answer.length)
  for (const wanted of [tagOf(answerTo.responseBody, wireType.bytes), commonTag, mutationTag, streamedTag, bodyTag]) {
    if (!enter(cursor, wanted)) return undefined
  }
  return answer.subarray(cursor.at, cursor.end)
}

/** Moves into the field with this tag; false when the message has none. */
function enter(cursor: Cursor, wanted: number): boolean {
  while (cursor.at < cursor.end) {
    const tag = cursor.tag()
    if (tag === wanted) {
      cursor.end = cursor.lengthDelimited()
      return true
    }
    cursor.skip(tag)
  }
  return false
}

import fc from 'fast-check'
import type { ProcessingEvents } from '../../src/extproc/decode.ts'
import { HeaderTable, slot } from '../../src/extproc/headers.ts'

type HeaderValue = { readonly key?: string; readonly value?: string; readonly raw_value?: Buffer }
type HttpHeaders = {
  readonly headers?: { readonly headers?: readonly HeaderValue[] }
  readonly end_of_stream?: boolean
}
type HttpBody = { readonly body?: Buffer; readonly end_of_stream?: boolean }
type BodyMode = (typeof bodyModes)[number]

/** A ProcessingRequest as proto-loader takes and gives it. */
export type ProcessingRequest = {
  readonly request_headers?: HttpHeaders
  readonly response_headers?: HttpHeaders
  readonly request_body?: HttpBody
  readonly response_body?: HttpBody
  readonly request_trailers?: object
  readonly response_trailers?: object
  readonly protocol_config?: {
    readonly request_body_mode?: BodyMode
    readonly response_body_mode?: BodyMode
    readonly send_body_without_waiting_for_header_response?: boolean
  }
}

/** ProcessingMode.BodySendMode by number. */
const bodyModes = ['NONE', 'STREAMED', 'BUFFERED', 'BUFFERED_PARTIAL', 'FULL_DUPLEX_STREAMED', 'GRPC'] as const

export const extraHeaders = ['x-request-id', 'x-session', 'x-gateway-inference-objective', 'x']
export const headerTable = new HeaderTable(extraHeaders)

const knownNames = [':method', ':path', ':status', 'content-type', 'content-length', 'content-encoding', 'upgrade']
const name = fc.oneof(
  fc.constantFrom(...knownNames, ...extraHeaders),
  fc.constantFrom(...knownNames, ...extraHeaders).chain((name) => fc.mixedCase(fc.constant(name))),
  fc.constantFrom('', ':authority', 'content-typf', 'x-reques-id', '\u212a', 'Content_Type'),
  fc.string({ maxLength: 20 }),
)
const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 10 }), fc.constant(''))
const bytes = fc.oneof(
  text.map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)),
)
const optional = { requiredKeys: [] as never[] }

const header: fc.Arbitrary<HeaderValue> = fc.record({ key: name, value: text, raw_value: bytes }, optional)
const headerMap = fc.record({ headers: fc.array(header, { maxLength: 12 }) }, optional)
const headers: fc.Arbitrary<HttpHeaders> = fc.record({ headers: headerMap, end_of_stream: fc.boolean() }, optional)

/** Sizes around those where a length needs one byte more, and some that fill many chunks. */
const bodyBytes = fc.oneof(
  fc.nat({ max: 40 }),
  fc.constantFrom(0, 119, 127, 128, 16_383, 16_384, 62_000),
  fc.nat({ max: 100_000 }),
)
const body: fc.Arbitrary<HttpBody> = fc.record(
  {
    body: fc.tuple(bodyBytes, fc.nat({ max: 255 })).map(([size, first]) => patternedBytes(size, first)),
    end_of_stream: fc.boolean(),
  },
  optional,
)

/** Bytes of which no two neighbours are alike, so that what is lost or doubled shows. */
export function patternedBytes(size: number, first = 0): Buffer {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; at++) bytes[at] = first + at * 3 + (at >> 8)
  return bytes
}

const struct = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.record({ stringValue: text }),
    fc.record({ numberValue: fc.double() }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ listValue: fc.record({ values: fc.array(tie('value'), { maxLength: 3 }) }) }),
    fc.record({ structValue: tie('struct') }),
  ),
  struct: fc.record({ fields: fc.dictionary(text, tie('value'), { maxKeys: 3, noNullPrototype: true }) }),
})).struct
const structs = fc.dictionary(text, struct, { maxKeys: 3, noNullPrototype: true })

const protocolConfig = fc.record(
  {
    request_body_mode: fc.constantFrom(...bodyModes),
    response_body_mode: fc.constantFrom(...bodyModes),
    send_body_without_waiting_for_header_response: fc.boolean(),
  },
  optional,
)

const event: fc.Arbitrary<ProcessingRequest> = fc.oneof(
  fc.record({ request_headers: headers }),
  fc.record({ request_body: body }),
  fc.record({ request_trailers: fc.record({ trailers: headerMap }, optional) }),
  fc.record({ response_headers: headers }),
  fc.record({ response_body: body }),
  fc.record({ response_trailers: fc.record({ trailers: headerMap }, optional) }),
)
const surroundings = fc.record(
  {
    metadata_context: fc.record({ filter_metadata: structs }),
    attributes: structs,
    observability_mode: fc.boolean(),
    protocol_config: protocolConfig,
  },
  optional,
)

/** Requests of every kind, with and without each field that there is. */
export const processingRequest: fc.Arbitrary<ProcessingRequest> = fc.oneof(
  event,
  fc.tuple(event, surroundings).map(([event, surroundings]) => ({ ...event, ...surroundings })),
)

/** An event of the decoder; the pieces of a body joined. */
export type Told =
  | { readonly told: 'protocolConfig'; readonly modes: readonly [number, number, boolean] }
  | { readonly told: 'requestHeaders' | 'responseHeaders'; readonly headers: unknown[]; readonly endOfStream: boolean }
  | { readonly told: 'requestBody' | 'responseBody'; readonly body: string; readonly endOfStream: boolean }
  | { readonly told: 'requestTrailers' | 'responseTrailers' }

/** What the decoder has to tell of a request that proto-loader has read. */
export function expectedEvents(request: ProcessingRequest): Told[] {
  const events: Told[] = []
  if (request.protocol_config) {
    const { request_body_mode, response_body_mode, send_body_without_waiting_for_header_response } =
      request.protocol_config
    const number = (mode: BodyMode | undefined) => (mode === undefined ? 0 : bodyModes.indexOf(mode))
    events.push({
      told: 'protocolConfig',
      modes: [
        number(request_body_mode),
        number(response_body_mode),
        send_body_without_waiting_for_header_response ?? false,
      ],
    })
  }
  const headers = (told: 'requestHeaders' | 'responseHeaders', http: HttpHeaders) =>
    events.push({ told, headers: headerValues(http), endOfStream: http.end_of_stream ?? false })
  const body = (told: 'requestBody' | 'responseBody', http: HttpBody) =>
    events.push({ told, body: http.body?.toString('base64') ?? '', endOfStream: http.end_of_stream ?? false })
  if (request.request_headers) headers('requestHeaders', request.request_headers)
  if (request.response_headers) headers('responseHeaders', request.response_headers)
  if (request.request_body) body('requestBody', request.request_body)
  if (request.response_body) body('responseBody', request.response_body)
  if (request.request_trailers) events.push({ told: 'requestTrailers' })
  if (request.response_trailers) events.push({ told: 'responseTrailers' })
  return events
}

function headerValues(http: HttpHeaders): unknown[] {
  const slots: (readonly [string, number])[] = [
    ...Object.entries(slot).map(([name, index]) => [slotNames[name as keyof typeof slot], index] as const),
  ]
  slots.push(...extraHeaders.map((name) => [name, headerTable.slotOf(name)] as const))
  const values: unknown[] = new Array(headerTable.size).fill(undefined)
  for (const { key = '', value = '', raw_value = Buffer.alloc(0) } of http.headers?.headers ?? []) {
    const lowerCase = key.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    const index = slots.find(([name]) => name === lowerCase)?.[1]
    if (index !== undefined) values[index] = raw_value.length > 0 ? raw_value.toString('utf8') : value
  }
  return values
}

const slotNames: Record<keyof typeof slot, string> = {
  method: ':method',
  path: ':path',
  contentType: 'content-type',
  contentLength: 'content-length',
  contentEncoding: 'content-encoding',
  upgrade: 'upgrade',
  status: ':status',
}

/**
 * Takes down what the decoder tells. Bodies are joined only when {@link events} is read, so that a piece whose memory is used
 * again too early shows.
 */
export class EventRecorder implements ProcessingEvents {
  readonly #taken: ((() => Told) | Told)[] = []
  /** Pieces of the body that has not ended. */
  pieces: Buffer[] = []

  get events(): Told[] {
    return this.#taken.map((event) => (typeof event === 'function' ? event() : event))
  }

  readonly subsetHints: (readonly string[])[] = []
  readonly served: string[] = []

  subsetHint: ProcessingEvents['subsetHint'] = (endpoints) => void this.subsetHints.push(endpoints)
  servedEndpoint: ProcessingEvents['servedEndpoint'] = (address) => void this.served.push(address)
  protocolConfig: ProcessingEvents['protocolConfig'] = (config) => {
    const { requestBodyMode, responseBodyMode, sendBodyWithoutWaiting } = config
    this.#taken.push({ told: 'protocolConfig', modes: [requestBodyMode, responseBodyMode, sendBodyWithoutWaiting] })
  }
  requestHeaders: ProcessingEvents['requestHeaders'] = (headers, endOfStream) =>
    this.#taken.push({ told: 'requestHeaders', headers, endOfStream })
  responseHeaders: ProcessingEvents['responseHeaders'] = (headers, endOfStream) =>
    this.#taken.push({ told: 'responseHeaders', headers, endOfStream })
  requestBody: ProcessingEvents['requestBody'] = (piece) => this.#piece(piece)
  responseBody: ProcessingEvents['responseBody'] = (piece) => this.#piece(piece)
  requestBodyEnd: ProcessingEvents['requestBodyEnd'] = (endOfStream) => this.#bodyEnd('requestBody', endOfStream)
  responseBodyEnd: ProcessingEvents['responseBodyEnd'] = (endOfStream) => this.#bodyEnd('responseBody', endOfStream)
  requestTrailers: ProcessingEvents['requestTrailers'] = () => this.#taken.push({ told: 'requestTrailers' })
  responseTrailers: ProcessingEvents['responseTrailers'] = () => this.#taken.push({ told: 'responseTrailers' })

  #piece(piece: Buffer): void {
    if (piece.length === 0) throw new Error('an empty piece of a body')
    this.pieces.push(piece)
  }

  #bodyEnd(told: 'requestBody' | 'responseBody', endOfStream: boolean): void {
    const pieces = this.pieces
    this.pieces = []
    this.#taken.push(() => ({ told, body: Buffer.concat(pieces).toString('base64'), endOfStream }))
  }
}

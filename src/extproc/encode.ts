import type { ImmediateReply } from '../request/errors.ts'

/**
 * ProcessingResponses as bytes ready for the stream: each function returns one gRPC message with its 5-byte prefix.
 * Messages are written from their end to their start, so that every nested length is known when it is written.
 */

/** Headers to set, flat: name, value, name, value … Names in lower case, values as UTF-8 text. */
export type HeaderPairs = readonly string[]

/** Which event is answered. The numbers are fields of ProcessingResponse. */
export const answer = {
  requestHeaders: 1,
  responseHeaders: 2,
  requestBody: 3,
  responseBody: 4,
  requestTrailers: 5,
  responseTrailers: 6,
  immediate: 7,
} as const

/** What an answer to headers or to a whole body changes. */
export type Mutation = {
  readonly setHeaders: HeaderPairs
  readonly removeHeaders: readonly string[]
  readonly clearRouteCache: boolean
  /** Dynamic metadata; undefined sends none. */
  readonly metadata: Metadata | undefined
}

/** Dynamic metadata by namespace, each a google.protobuf.Struct. */
export type Metadata = { readonly [namespace: string]: { readonly [key: string]: MetadataValue } }
export type MetadataValue = string | number | boolean | { readonly [key: string]: MetadataValue }

export const noMutation: Mutation = {
  setHeaders: [],
  removeHeaders: [],
  clearRouteCache: false,
  metadata: undefined,
}

/** Writes from the end of a scratch buffer towards its start; grown when a message is larger. */
class BackwardWriter {
  #buffer = Buffer.allocUnsafeSlow(16 * 1024)
  #at = this.#buffer.length

  reset(): void {
    this.#at = this.#buffer.length
  }

  /** Bytes written so far; the difference of two is the length of what lies between. */
  get length(): number {
    return this.#buffer.length - this.#at
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#at) return
    const grown = Buffer.allocUnsafeSlow(2 * (this.#buffer.length + bytes))
    const at = grown.length - this.length
    this.#buffer.copy(grown, at, this.#at)
    this.#buffer = grown
    this.#at = at
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#buffer[--this.#at] = value
  }

  varint(value: number): void {
    if (value < 0x80) {
      this.byte(value)
      return
    }
    this.#reserve(5)
    const size = value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5
    this.#at -= size
    const last = this.#at + size - 1
    for (let at = this.#at; at < last; at++) {
      this.#buffer[at] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    this.#buffer[last] = value
  }

  text(value: string): void {
    const bytes = Buffer.byteLength(value)
    this.#reserve(bytes)
    this.#at -= bytes
    this.#buffer.write(value, this.#at, bytes, 'utf8')
  }

  /** Closes a length-delimited field that began when {@link length} was `mark`. Field numbers up to 15. */
  close(fieldNumber: number, mark: number): void {
    this.varint(this.length - mark)
    this.byte((fieldNumber << 3) | 2)
  }

  textField(fieldNumber: number, value: string): void {
    const mark = this.length
    this.text(value)
    this.close(fieldNumber, mark)
  }

  bytes(bytes: Buffer): void {
    this.#reserve(bytes.length)
    this.#at -= bytes.length
    bytes.copy(this.#buffer, this.#at)
  }

  bytesField(fieldNumber: number, bytes: Buffer): void {
    const mark = this.length
    this.bytes(bytes)
    this.close(fieldNumber, mark)
  }

  trueField(fieldNumber: number): void {
    this.boolField(fieldNumber, true)
  }

  boolField(fieldNumber: number, value: boolean): void {
    this.byte(value ? 1 : 0)
    this.byte(fieldNumber << 3)
  }

  doubleField(fieldNumber: number, value: number): void {
    this.#reserve(8)
    this.#at -= 8
    this.#buffer.writeDoubleLE(value, this.#at)
    this.byte((fieldNumber << 3) | 1)
  }

  /** The message with its gRPC prefix; `following` bytes of it will be sent after these. */
  finish(following = 0): Buffer {
    const length = this.length + following
    this.#reserve(5)
    this.#at -= 5
    this.#buffer[this.#at] = 0
    this.#buffer.writeUInt32BE(length, this.#at + 1)
    const message = Buffer.allocUnsafe(this.length)
    this.#buffer.copy(message, 0, this.#at)
    return message
  }
}

const writer = new BackwardWriter()

/** HeaderMutation {set_headers = 1 [HeaderValueOption {header = 1 HeaderValue {key = 1, raw_value = 3}}], remove_headers = 2} */
function writeHeaderMutation(fieldNumber: number, set: HeaderPairs, remove: readonly string[]): void {
  if (set.length === 0 && remove.length === 0) return
  const mark = writer.length
  for (let i = remove.length - 1; i >= 0; i--) writer.textField(2, remove[i])
  for (let i = set.length - 2; i >= 0; i -= 2) {
    const option = writer.length
    writer.textField(3, set[i + 1])
    writer.textField(1, set[i])
    writer.close(1, option)
    writer.close(1, option)
  }
  writer.close(fieldNumber, mark)
}

/** ProcessingResponse {dynamic_metadata = 8 Struct} */
function writeMetadata(metadata: Metadata | undefined): void {
  if (metadata === undefined) return
  const mark = writer.length
  writeStruct(metadata)
  writer.close(8, mark)
}

/** The fields of a google.protobuf.Struct {map<string, Value> fields = 1}, without its own tag and length. */
function writeStruct(struct: { readonly [key: string]: MetadataValue }): void {
  const keys = Object.keys(struct)
  for (let i = keys.length - 1; i >= 0; i--) {
    const mark = writer.length
    writeValue(struct[keys[i]])
    writer.close(2, mark)
    writer.textField(1, keys[i])
    writer.close(1, mark)
  }
}

/** google.protobuf.Value {number_value = 2, string_value = 3, bool_value = 4, struct_value = 5} */
function writeValue(value: MetadataValue): void {
  switch (typeof value) {
    case 'string':
      return writer.textField(3, value)
    case 'number':
      return writer.doubleField(2, value)
    case 'boolean':
      return writer.boolField(4, value)
    default: {
      const mark = writer.length
      writeStruct(value)
      writer.close(5, mark)
    }
  }
}

/**
 * HeadersResponse or BodyResponse {response = 1 CommonResponse}, with what `mutation` changes of the headers. As an answer to a
 * body it leaves the body as it is.
 */
export function encodeAnswer(
  which: (typeof answer)['requestHeaders' | 'responseHeaders' | 'requestBody' | 'responseBody'],
  mutation: Mutation,
): Buffer {
  writer.reset()
  writeMetadata(mutation.metadata)
  const mark = writer.length
  if (mutation.clearRouteCache) writer.trueField(5)
  writeHeaderMutation(2, mutation.setHeaders, mutation.removeHeaders)
  writer.close(1, mark)
  writer.close(which, mark)
  return writer.finish()
}

/**
 * The opening of a BodyResponse with a new body (body_mutation = 3 {body = 1}), of which `bodyBytes` follow it on the stream.
 * No bytes become clear_body, as an empty `body` would mean "unchanged".
 */
export function encodeBodyReplacementOpening(
  which: typeof answer.requestBody | typeof answer.responseBody,
  mutation: Mutation,
  bodyBytes: number,
): Buffer {
  writer.reset()
  // The body comes last, so every other field goes before it, and its length is added to that of each field around it.
  const openField = (fieldNumber: number) => {
    writer.varint(writer.length + bodyBytes)
    writer.byte((fieldNumber << 3) | 2)
  }
  if (bodyBytes === 0) writer.trueField(2)
  else {
    writer.varint(bodyBytes)
    writer.byte((1 << 3) | 2)
  }
  openField(3)
  if (mutation.clearRouteCache) writer.trueField(5)
  writeHeaderMutation(2, mutation.setHeaders, mutation.removeHeaders)
  openField(1)
  openField(which)
  writeMetadata(mutation.metadata)
  return writer.finish(bodyBytes)
}

/**
 * The opening of a full-duplex body chunk, of which `bodyBytes` follow it on the stream, so that they need no copying:
 * BodyResponse {CommonResponse {body_mutation = 3 {streamed_response = 3 {body = 1, end_of_stream = 2}}}}.
 */
export function encodeStreamedBodyOpening(
  which: typeof answer.requestBody | typeof answer.responseBody,
  bodyBytes: number,
  endOfStream: boolean,
  metadata?: Metadata,
): Buffer {
  writer.reset()
  // The body must come last: the order of fields on the wire is free.
  if (bodyBytes > 0) {
    writer.varint(bodyBytes)
    writer.byte((1 << 3) | 2)
  }
  if (endOfStream) writer.trueField(2)
  for (let i = 0; i < 4; i++) {
    const fieldNumber = i < 3 ? streamedNesting[i] : which
    writer.varint(writer.length + bodyBytes)
    writer.byte((fieldNumber << 3) | 2)
  }
  writeMetadata(metadata)
  return writer.finish(bodyBytes)
}

/** BodyMutation.streamed_response, CommonResponse.body_mutation, BodyResponse.response: inside out. */
const streamedNesting = [3, 3, 1]

/** TrailersResponse without a mutation. */
export function encodeTrailersAnswer(
  which: typeof answer.requestTrailers | typeof answer.responseTrailers,
  metadata?: Metadata,
): Buffer {
  writer.reset()
  writeMetadata(metadata)
  writer.close(which, writer.length)
  return writer.finish()
}

/** ImmediateResponse {status = 1 {code = 1}, headers = 2, body = 3, details = 5}. */
export function encodeImmediate(reply: ImmediateReply): Buffer {
  writer.reset()
  writer.textField(5, reply.details)
  writer.bytesField(3, reply.body)
  writeHeaderMutation(2, reply.headers, [])
  const mark = writer.length
  writer.varint(reply.status)
  writer.byte(1 << 3)
  writer.close(1, mark)
  writer.close(answer.immediate, 0)
  return writer.finish()
}

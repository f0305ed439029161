import type { HeaderTable, HeaderValues } from './headers.ts'
import { type MetadataEvents, readMetadata } from './metadata.ts'
import { Cursor, MalformedMessage, tagOf, wireType } from './wire.ts'

/** ProcessingMode.BodySendMode (processing_mode.proto). */
export const bodyMode = {
  none: 0,
  streamed: 1,
  buffered: 2,
  bufferedPartial: 3,
  fullDuplex: 4,
} as const

/** ProtocolConfiguration of the stream's first message. */
export type ProtocolConfig = {
  readonly requestBodyMode: number
  readonly responseBodyMode: number
  /** STREAMED only: chunks arrive before the headers are answered. */
  readonly sendBodyWithoutWaiting: boolean
}

/**
 * What the decoder tells, in the order of the wire, but an event after what its message says beside it. A body message is told as any number of pieces, each a view into the
 * chunk that it arrived in, and one end: so no body byte is copied, and none waits for the rest of its message.
 */
export type ProcessingEvents = MetadataEvents & {
  protocolConfig(config: ProtocolConfig): void
  requestHeaders(headers: HeaderValues, endOfStream: boolean): void
  requestBody(piece: Buffer): void
  requestBodyEnd(endOfStream: boolean): void
  requestTrailers(): void
  responseHeaders(headers: HeaderValues, endOfStream: boolean): void
  responseBody(piece: Buffer): void
  responseBodyEnd(endOfStream: boolean): void
  responseTrailers(): void
}

// ProcessingRequest
const field = {
  requestHeaders: tagOf(2, wireType.bytes),
  responseHeaders: tagOf(3, wireType.bytes),
  requestBody: tagOf(4, wireType.bytes),
  responseBody: tagOf(5, wireType.bytes),
  requestTrailers: tagOf(6, wireType.bytes),
  responseTrailers: tagOf(7, wireType.bytes),
  metadataContext: tagOf(8, wireType.bytes),
  protocolConfig: tagOf(11, wireType.bytes),
} as const
/** Field 1 and 2 of several messages, by wire type. */
const firstBytes = tagOf(1, wireType.bytes)
const secondBytes = tagOf(2, wireType.bytes)
const thirdBytes = tagOf(3, wireType.bytes)
const firstVarint = tagOf(1, wireType.varint)
const secondVarint = tagOf(2, wireType.varint)
const thirdVarint = tagOf(3, wireType.varint)

/** Tells the events of one whole ProcessingRequest at `buffer[start, end)`. @throws MalformedMessage */
export function decodeRequest(
  buffer: Buffer,
  start: number,
  end: number,
  table: HeaderTable,
  events: ProcessingEvents,
): void {
  const cursor = new Cursor(buffer, start, end)
  let eventTag = 0
  let eventStart = 0
  let eventEnd = 0
  while (cursor.at < end) {
    const tag = cursor.tag()
    switch (tag) {
      case field.requestHeaders:
      case field.responseHeaders:
      case field.requestBody:
      case field.responseBody:
      case field.requestTrailers:
      case field.responseTrailers:
        if (eventTag !== 0) throw new MalformedMessage('two events in one ProcessingRequest')
        eventTag = tag
        eventEnd = cursor.lengthDelimited()
        eventStart = cursor.at
        cursor.at = eventEnd
        break
      case field.protocolConfig:
        events.protocolConfig(readProtocolConfig(cursor))
        break
      case field.metadataContext:
        readMetadata(cursor, events)
        break
      default:
        cursor.skip(tag)
    }
  }
  if (eventTag === 0) throw new MalformedMessage('a ProcessingRequest without an event')
  const event = new Cursor(buffer, eventStart, eventEnd)
  switch (eventTag) {
    case field.requestHeaders:
    case field.responseHeaders: {
      const headers: HeaderValues = new Array(table.size).fill(undefined)
      const endOfStream = readHttpHeaders(event, table, headers)
      if (eventTag === field.requestHeaders) events.requestHeaders(headers, endOfStream)
      else events.responseHeaders(headers, endOfStream)
      return
    }
    case field.requestBody:
    case field.responseBody: {
      const isRequest = eventTag === field.requestBody
      const endOfStream = readHttpBody(event, isRequest, events)
      if (isRequest) events.requestBodyEnd(endOfStream)
      else events.responseBodyEnd(endOfStream)
      return
    }
    case field.requestTrailers:
      events.requestTrailers()
      return
    case field.responseTrailers:
      events.responseTrailers()
  }
}

function readProtocolConfig(outer: Cursor): ProtocolConfig {
  const end = outer.lengthDelimited()
  const cursor = new Cursor(outer.buffer, outer.at, end)
  outer.at = end
  let requestBodyMode = 0
  let responseBodyMode = 0
  let sendBodyWithoutWaiting = false
  while (cursor.at < end) {
    const tag = cursor.tag()
    if (tag === firstVarint) requestBodyMode = cursor.varint()
    else if (tag === secondVarint) responseBodyMode = cursor.varint()
    else if (tag === thirdVarint) sendBodyWithoutWaiting = cursor.varint() !== 0
    else cursor.skip(tag)
  }
  return { requestBodyMode, responseBodyMode, sendBodyWithoutWaiting }
}

/** HttpHeaders: fills `headers`, returns end_of_stream. */
function readHttpHeaders(cursor: Cursor, table: HeaderTable, headers: HeaderValues): boolean {
  const end = cursor.end
  let endOfStream = false
  while (cursor.at < end) {
    const tag = cursor.tag()
    if (tag === firstBytes) {
      const mapEnd = cursor.lengthDelimited()
      cursor.end = mapEnd
      while (cursor.at < mapEnd) {
        const entry = cursor.tag()
        if (entry === firstBytes) readHeaderValue(cursor, table, headers)
        else cursor.skip(entry)
      }
      cursor.end = end
    } else if (tag === thirdVarint) endOfStream = cursor.varint() !== 0
    else cursor.skip(tag)
  }
  return endOfStream
}

/** HeaderValue {key, value, raw_value}: Envoy fills raw_value, other clients value; a raw_value that is not empty counts. */
function readHeaderValue(cursor: Cursor, table: HeaderTable, headers: HeaderValues): void {
  const buffer = cursor.buffer
  const outerEnd = cursor.end
  const end = cursor.lengthDelimited()
  cursor.end = end
  let index = -1
  let valueStart = 0
  let valueEnd = 0
  let rawStart = 0
  let rawEnd = 0
  while (cursor.at < end) {
    const tag = cursor.tag()
    if (tag === firstBytes) {
      const keyEnd = cursor.lengthDelimited()
      index = table.find(buffer, cursor.at, keyEnd)
      cursor.at = keyEnd
    } else if (tag === secondBytes) {
      valueEnd = cursor.lengthDelimited()
      valueStart = cursor.at
      cursor.at = valueEnd
    } else if (tag === thirdBytes) {
      rawEnd = cursor.lengthDelimited()
      rawStart = cursor.at
      cursor.at = rawEnd
    } else cursor.skip(tag)
  }
  cursor.end = outerEnd
  if (index < 0) return
  const isRaw = rawEnd > rawStart
  headers[index] = buffer.toString('utf8', isRaw ? rawStart : valueStart, isRaw ? rawEnd : valueEnd)
}

/** HttpBody: tells the body as one piece when it is not empty, returns end_of_stream. */
function readHttpBody(cursor: Cursor, isRequest: boolean, events: ProcessingEvents): boolean {
  let endOfStream = false
  let start = 0
  let stop = 0
  let bodies = 0
  while (cursor.at < cursor.end) {
    const tag = cursor.tag()
    if (tag === firstBytes) {
      stop = cursor.lengthDelimited()
      start = cursor.at
      cursor.at = stop
      if (++bodies > 1) throw new MalformedMessage('two bodies in one HttpBody')
    } else if (tag === secondVarint) endOfStream = cursor.varint() !== 0
    else cursor.skip(tag)
  }
  if (stop > start) {
    const piece = cursor.buffer.subarray(start, stop)
    if (isRequest) events.requestBody(piece)
    else events.responseBody(piece)
  }
  return endOfStream
}

/** The opening of a body message that has arrived in part: where its body begins and how far it and its HttpBody go. */
export type BodyOpening = {
  readonly isRequest: boolean
  /** Offset of the first body byte in the buffer. */
  readonly bodyStart: number
  readonly bodyLength: number
  /** Bytes of the HttpBody that follow the body. */
  readonly restOfHttpBody: number
}

/** Longest opening: two tags of one byte and two lengths of five. */
export const maxOpeningBytes = 12

/**
 * Reads the opening of a ProcessingRequest whose first field is a body that comes first in its HttpBody, which is how
 * serialisers write it. Undefined when it is anything else.
 * @param start where the message begins; at least {@link maxOpeningBytes} of it have arrived
 * @param messageLength bytes of the whole message
 */
export function readBodyOpening(buffer: Buffer, start: number, messageLength: number): BodyOpening | undefined {
  const isRequest = buffer[start] === field.requestBody
  if (!isRequest && buffer[start] !== field.responseBody) return undefined
  const cursor = new Cursor(buffer, start + 1, start + messageLength)
  const httpBodyEnd = cursor.lengthDelimited()
  if (cursor.at === httpBodyEnd || buffer[cursor.at] !== firstBytes) return undefined
  cursor.at++
  cursor.end = httpBodyEnd
  const bodyEnd = cursor.lengthDelimited()
  return { isRequest, bodyStart: cursor.at, bodyLength: bodyEnd - cursor.at, restOfHttpBody: httpBodyEnd - bodyEnd }
}

/**
 * Tells the end of a body message whose opening and body have been told: `buffer[start, end)` is what followed the body,
 * of which the first `restOfHttpBody` bytes belong to the HttpBody.
 */
export function decodeBodyRest(
  buffer: Buffer,
  start: number,
  end: number,
  restOfHttpBody: number,
  isRequest: boolean,
  events: ProcessingEvents,
): void {
  const cursor = new Cursor(buffer, start, start + restOfHttpBody)
  let endOfStream = false
  while (cursor.at < cursor.end) {
    const tag = cursor.tag()
    if (tag === firstBytes) throw new MalformedMessage('two bodies in one HttpBody')
    if (tag === secondVarint) endOfStream = cursor.varint() !== 0
    else cursor.skip(tag)
  }
  cursor.end = end
  while (cursor.at < end) {
    const tag = cursor.tag()
    if (tag >= field.requestHeaders && tag <= field.responseTrailers && (tag & 7) === wireType.bytes) {
      throw new MalformedMessage('two events in one ProcessingRequest')
    }
    if (tag === field.protocolConfig) events.protocolConfig(readProtocolConfig(cursor))
    else if (tag === field.metadataContext) readMetadata(cursor, events)
    else cursor.skip(tag)
  }
  if (isRequest) events.requestBodyEnd(endOfStream)
  else events.responseBodyEnd(endOfStream)
}

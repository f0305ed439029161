import { type HeaderValues, slot } from '../extproc/headers.ts'
import { isDecodable } from './bodies/inflate.ts'
import { type BodyFormat, type ParserSet, readerFor } from './bodies/parsers.ts'
import { type Refusal, refuse } from './errors.ts'
import type { Limits } from './limits.ts'
import { bodyTooLarge } from './refusals.ts'

/** What the headers of a request say about it. */
export type RequestFacts = {
  /** Without its query; undefined when it was not sent. */
  readonly path: string | undefined
  /** The path is one that models are asked by: a body that is not of its format is wrong there. */
  readonly isInference: boolean
  /** There, a body without a model is wrong too. */
  readonly needsModel: boolean
  /** What a body is read as. */
  readonly format: BodyFormat
  /** What follows the headers: nothing, a body that is read, one that has to be decoded first, or one that is not read. */
  readonly body: 'none' | 'plain' | 'compressed' | 'opaque'
  readonly contentType: string | undefined
  /** Content-Length, bytes. */
  readonly declaredBytes: number | undefined
  /** Content-Encoding, when it is not identity. */
  readonly encoding: string | undefined
  /** A request that should have a body and has none. */
  readonly lacksBody: boolean
}

/** Facts of a request whose headers were not sent: all that can be assumed. */
export const unknownFacts: RequestFacts = {
  path: undefined,
  isInference: true,
  needsModel: true,
  format: 'json',
  body: 'plain',
  contentType: undefined,
  declaredBytes: undefined,
  encoding: undefined,
  lacksBody: false,
}

export function readFacts(headers: HeaderValues, endOfStream: boolean, parsers: ParserSet): RequestFacts {
  const path = bareOf(headers[slot.path])
  const contentType = headers[slot.contentType]
  const encoding = readEncoding(headers[slot.contentEncoding])
  const declared = Number(headers[slot.contentLength] ?? Number.NaN)
  const { format, isInference, needsModel } = readerFor(parsers, { path, contentType, encoding })
  return {
    path,
    isInference,
    needsModel,
    format,
    body: endOfStream || isUpgrade(headers) ? 'none' : bodyOf(format, encoding),
    contentType,
    declaredBytes: Number.isSafeInteger(declared) && declared >= 0 ? declared : undefined,
    encoding,
    lacksBody: endOfStream && headers[slot.method] === 'POST',
  }
}

function bareOf(path: string | undefined): string | undefined {
  const query = path?.indexOf('?') ?? -1
  return query < 0 ? path : path!.slice(0, query)
}

function readEncoding(value: string | undefined): string | undefined {
  const encoding = value?.trim().toLowerCase()
  return encoding === undefined || encoding === '' || encoding === 'identity' ? undefined : encoding
}

/**
 * An upgraded connection (WebSocket) has no request body to wait for, though its headers do not end the stream. A POST
 * with an Upgrade header is an ordinary request: curl offers h2c that way.
 */
function isUpgrade(headers: HeaderValues): boolean {
  const method = headers[slot.method]
  return method === 'CONNECT' || (method === 'GET' && headers[slot.upgrade] !== undefined)
}

function bodyOf(format: BodyFormat, encoding: string | undefined): RequestFacts['body'] {
  switch (format) {
    case 'json':
    case 'multipart':
    case 'engine-grpc':
      if (encoding === undefined) return 'plain'
      return isDecodable(encoding) ? 'compressed' : 'opaque'
    case 'raw':
    case 'unsupported-encoding':
    case 'unsupported-method':
      return 'opaque'
  }
}

/** Refuses what the headers alone show to be wrong. `isStrict`: what has to be read must be readable (see conversation). */
export function checkHeaders(facts: RequestFacts, limits: Limits, isStrict: boolean): Refusal | undefined {
  if (facts.declaredBytes !== undefined && facts.declaredBytes > limits.maxBodyBytes) {
    return bodyTooLarge(limits, `the request declares ${facts.declaredBytes} bytes`)
  }
  if (!isStrict) return undefined
  if (facts.lacksBody && facts.needsModel) return refuse('model_missing', 'the request has no body, so no "model"')
  if (facts.body === 'none') return undefined
  if (facts.format === 'unsupported-encoding') {
    return refuse(
      'unsupported_encoding',
      `the body is encoded as "${facts.encoding}", which cannot be read for its model: send it without Content-Encoding`,
    )
  }
  if (facts.format === 'unsupported-method') {
    return refuse(
      'method_unsupported',
      `"${facts.path ?? ''}" is no method of vllm.grpc.engine.VllmEngine that is served here`,
    )
  }
  return undefined
}

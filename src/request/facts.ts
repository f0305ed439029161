import { type HeaderValues, slot } from '../extproc/headers.ts'
import { type Refusal, refuse } from './errors.ts'
import type { Limits } from './limits.ts'
import { bodyTooLarge } from './refusals.ts'

/** What the headers of a request say about it. */
export type RequestFacts = {
  /** The path is one of the OpenAI or Anthropic inference paths, or unknown: a body without a model is wrong there. */
  readonly isInference: boolean
  /** What follows the headers: nothing, a body that may be JSON, or a body that is certainly something else. */
  readonly body: 'none' | 'json' | 'opaque'
  /** Content-Length, bytes. */
  readonly declaredBytes: number | undefined
  /** Content-Encoding, when it is not identity. */
  readonly encoding: string | undefined
  /** A request that should have a body and has none. */
  readonly lacksBody: boolean
}

/** Suffixes of the path without its query. */
const inferencePaths = ['/chat/completions', '/completions', '/responses', '/embeddings', '/conversations', '/messages']

/** Facts of a request whose headers were not sent: all that can be assumed. */
export const unknownFacts: RequestFacts = {
  isInference: true,
  body: 'json',
  declaredBytes: undefined,
  encoding: undefined,
  lacksBody: false,
}

export function readFacts(headers: HeaderValues, endOfStream: boolean): RequestFacts {
  const isInference = isInferencePath(headers[slot.path])
  const encoding = readEncoding(headers[slot.contentEncoding])
  const declared = Number(headers[slot.contentLength] ?? Number.NaN)
  return {
    isInference,
    body: endOfStream || isUpgrade(headers) ? 'none' : isOpaque(headers, isInference, encoding) ? 'opaque' : 'json',
    declaredBytes: Number.isSafeInteger(declared) && declared >= 0 ? declared : undefined,
    encoding,
    lacksBody: endOfStream && headers[slot.method] === 'POST',
  }
}

function isInferencePath(path: string | undefined): boolean {
  if (path === undefined) return true
  const query = path.indexOf('?')
  const bare = query < 0 ? path : path.slice(0, query)
  return inferencePaths.some((suffix) => bare.endsWith(suffix))
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

/**
 * On inference paths every body is taken for JSON, whatever its type claims (curl -d claims a form). Elsewhere a body is
 * only read when it may be JSON.
 */
function isOpaque(headers: HeaderValues, isInference: boolean, encoding: string | undefined): boolean {
  if (encoding !== undefined) return true
  if (isInference) return false
  const type = headers[slot.contentType]
  return type !== undefined && !type.toLowerCase().includes('json')
}

/** Refuses what the headers alone show to be wrong. `isStrict`: the request must name a model (see conversation). */
export function checkHeaders(facts: RequestFacts, limits: Limits, isStrict: boolean): Refusal | undefined {
  if (facts.declaredBytes !== undefined && facts.declaredBytes > limits.maxBodyBytes) {
    return bodyTooLarge(limits, `the request declares ${facts.declaredBytes} bytes`)
  }
  if (isStrict && facts.lacksBody) return refuse('model_missing', 'the request has no body, so no "model"')
  if (isStrict && facts.encoding !== undefined && facts.body !== 'none') {
    return refuse(
      'unsupported_encoding',
      `the body is encoded as "${facts.encoding}", which cannot be read for its model: send it without Content-Encoding`,
    )
  }
  return undefined
}

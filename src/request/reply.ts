import type { Metadata, Mutation } from '../extproc/encode.ts'
import type { Scheduled } from '../scheduling/plugin.ts'
import { baseModelNameHeader, destinationHeader, modelNameHeader, spoofedHeaders } from './control-headers.ts'
import type { InferenceRequest } from './inference-request.ts'
import { destinationOf } from './pick.ts'
import type { Route } from './resolve.ts'
import { traceparentHeader, tracestateHeader } from './trace-context.ts'

/** The content-length that goes on: as it was sent, a new one, or none, so that the body goes on chunked. */
export type ContentLength = 'as sent' | 'none' | number

/** @param lengthChange of the body, bytes; undefined when it can't be told yet */
export function contentLengthOf(request: InferenceRequest, lengthChange: number | undefined): ContentLength {
  const { model, facts, isSentDecoded, restoredModel } = request
  if (model === undefined) return 'as sent'
  if (isSentDecoded) return 'none'
  if (facts.declaredBytes === undefined) return restoredModel === undefined ? 'as sent' : 'none'
  if (lengthChange === 0) return 'as sent'
  return lengthChange === undefined ? 'none' : facts.declaredBytes + lengthChange
}

/** Where Envoy's load balancer looks for the endpoint. */
const lbNamespace = 'envoy.lb'
/** The scores of all endpoints that were rated, by address. */
const scoresKey = 'x-gateway-destination-endpoint-scores'

/**
 * What the headers of a request become.
 * @param hidesScores the proxy does not get the scores of endpoints
 */
export function reply(
  { model, headers, isSentDecoded, trace }: InferenceRequest,
  route: Route,
  scheduled: Scheduled,
  contentLength: ContentLength,
  hidesScores = false,
): Mutation {
  const setHeaders: string[] = []
  const destination = scheduled.destination ?? destinationOf(scheduled.endpoints)
  if (destination !== undefined) setHeaders.push(destinationHeader, destination)
  if (model !== undefined) setHeaders.push(modelNameHeader, model)
  if (route.baseModel !== undefined) setHeaders.push(baseModelNameHeader, route.baseModel)
  if (scheduled.headers.length > 0) setHeaders.push(...scheduled.headers)
  const removeHeaders = headers === undefined ? [] : [...spoofedHeaders(headers, setHeaders)]
  if (isSentDecoded) removeHeaders.push('content-encoding')
  if (contentLength === 'none') removeHeaders.push('content-length')
  else if (contentLength !== 'as sent') setHeaders.push('content-length', String(contentLength))
  // A route may have been chosen by a header that is now set, or removed.
  const clearRouteCache = setHeaders.length + removeHeaders.length > 0
  if (trace !== undefined) {
    if (trace.traceparent !== undefined) setHeaders.push(traceparentHeader, trace.traceparent)
    if (trace.dropsTracestate) removeHeaders.push(tracestateHeader)
  }
  const scores = hidesScores ? noScores : scheduled.scores
  return { setHeaders, removeHeaders, clearRouteCache, metadata: metadataOf(destination, scores) }
}

const noScores: Scheduled['scores'] = []

function metadataOf(destination: string | undefined, scores: Scheduled['scores']): Metadata | undefined {
  if (destination === undefined) return undefined
  const metadata = { [destinationHeader]: destination }
  if (scores.length === 0) return { [lbNamespace]: metadata }
  return { [lbNamespace]: { ...metadata, [scoresKey]: Object.fromEntries(scores) } }
}

import type { Mutation } from '../extproc/encode.ts'
import type { HeaderValues } from '../extproc/headers.ts'
import type { Endpoint } from '../pool/endpoint.ts'
import { baseModelNameHeader, destinationHeader, modelNameHeader, spoofedHeaders } from './control-headers.ts'
import { destinationOf } from './pick.ts'
import type { Route } from './resolve.ts'

/** What was decided for a request, as far as its headers tell it. */
export type Outcome = {
  /** The name in the request. */
  readonly model: string | undefined
  readonly route: Route
  /** Best first. */
  readonly endpoints: readonly Endpoint[]
  /** The content-length that goes on: as it was sent, a new one, or none, so that the body goes on chunked. */
  readonly contentLength: 'as sent' | 'none' | number
}

/** What the request's headers become. `headers` are those of the client; undefined when they were not sent to us. */
export function reply(outcome: Outcome, headers: HeaderValues | undefined): Mutation {
  const { model, route, endpoints, contentLength } = outcome
  const setHeaders: string[] = []
  const destination = destinationOf(endpoints)
  if (destination !== undefined) setHeaders.push(destinationHeader, destination)
  if (model !== undefined) setHeaders.push(modelNameHeader, model)
  if (route.baseModel !== undefined) setHeaders.push(baseModelNameHeader, route.baseModel)
  const removeHeaders = headers === undefined ? [] : [...spoofedHeaders(headers, setHeaders)]
  if (contentLength === 'none') removeHeaders.push('content-length')
  else if (contentLength !== 'as sent') setHeaders.push('content-length', String(contentLength))
  // A route may have been chosen by a header that is now set, or removed.
  return { setHeaders, removeHeaders, clearRouteCache: setHeaders.length + removeHeaders.length > 0, destination }
}

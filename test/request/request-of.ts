import { createHeaderTable } from '../../src/request/control-headers.ts'
import { InferenceRequest } from '../../src/request/inference-request.ts'
import { BodyScanner } from '../../src/request/scan.ts'

/** A request with these headers, by lower-case name, and this body, which has come as a whole. */
export function requestOf({
  headers,
  body,
}: {
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string
} = {}): InferenceRequest {
  const table = createHeaderTable(['x-session', 'traceparent', 'tracestate'])
  const request = new InferenceRequest(table, undefined, true)
  if (headers !== undefined) {
    request.headers = new Array(table.size).fill(undefined)
    for (const [name, value] of Object.entries(headers)) request.headers[table.slotOf(name)] = value
  }
  if (body !== undefined) {
    request.reader = new BodyScanner()
    request.reader.push(Buffer.from(body))
    request.reader.end()
    request.bodyBytes = Buffer.byteLength(body)
    request.hasEnded = true
  }
  return request
}

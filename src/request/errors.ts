/** The one table of what clients are refused for: HTTP status, OpenAI error type, and the `param` it is about. */
const table = {
  invalid_json: { status: 400, type: 'invalid_request_error', param: null },
  model_missing: { status: 400, type: 'invalid_request_error', param: 'model' },
  model_invalid: { status: 400, type: 'invalid_request_error', param: 'model' },
  body_too_large: { status: 413, type: 'invalid_request_error', param: null },
  model_too_late: { status: 413, type: 'invalid_request_error', param: 'model' },
  unsupported_encoding: { status: 415, type: 'invalid_request_error', param: null },
  invalid_multipart: { status: 400, type: 'invalid_request_error', param: null },
  invalid_encoding: { status: 400, type: 'invalid_request_error', param: null },
  invalid_grpc: { status: 400, type: 'invalid_request_error', param: null },
  method_unsupported: { status: 400, type: 'invalid_request_error', param: null },
  model_not_found: { status: 404, type: 'invalid_request_error', param: 'model' },
  pool_not_found: { status: 503, type: 'server_error', param: null },
  no_endpoint: { status: 503, type: 'server_error', param: null },
  no_server: { status: 500, type: 'server_error', param: null },
  saturated: { status: 429, type: 'rate_limit_error', param: null },
  not_admitted: { status: 429, type: 'rate_limit_error', param: null },
  queue_timeout: { status: 429, type: 'rate_limit_error', param: null },
  overloaded: { status: 503, type: 'server_error', param: null },
  shutting_down: { status: 503, type: 'server_error', param: null },
} as const satisfies Record<string, { status: number; type: string; param: string | null }>

/** Also the `code` of the OpenAI error, the metric label, and `signalbox_<code>` in Envoy's response code details. */
export type RefusalCode = keyof typeof table

/** An answer that ends the exchange before a model server is asked. */
export type Refusal = {
  readonly code: RefusalCode
  readonly status: number
  /** For people: what was found, where, and what would have been right. */
  readonly message: string
  /** Response headers, flat: name, value … */
  readonly headers: readonly string[]
}

const jsonHeaders: readonly string[] = ['content-type', 'application/json']

/** @param headers further response headers, flat: name, value … */
export function refuse(code: RefusalCode, message: string, headers: readonly string[] = []): Refusal {
  return { code, status: table[code].status, message, headers: [...jsonHeaders, ...headers] }
}

export const statusOf = (code: RefusalCode): number => table[code].status

/** An answer to the client without any model server: a whole HTTP response. */
export type ImmediateReply = {
  readonly status: number
  /** Flat: name, value … */
  readonly headers: readonly string[]
  readonly body: Buffer
  /** What Envoy logs as %RESPONSE_CODE_DETAILS%. */
  readonly details: string
}

/** The answer that a refusal is, its body shaped as the OpenAI API shapes errors. */
export function refusalReply({ code, status, headers, message }: Refusal): ImmediateReply {
  const { type, param } = table[code]
  const body = Buffer.from(JSON.stringify({ error: { message, type, param, code } }))
  return { status, headers, body, details: `signalbox_${code}` }
}

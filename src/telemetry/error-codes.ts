import type { RefusalCode } from '../request/errors.ts'

/** Values of `error_code`: the names that the reference endpoint picker has for the errors that it answers with. */
export const errorCodes = [
  'BadRequest',
  'NotFound',
  'ResourceExhausted',
  'Internal',
  'ServiceUnavailable',
  'ModelServerError',
] as const

export type ErrorCode = (typeof errorCodes)[number]

/** The reference has no word for 413 and 415, which it never answers with. */
const codes = {
  invalid_json: 'BadRequest',
  model_missing: 'BadRequest',
  model_invalid: 'BadRequest',
  body_too_large: 'BadRequest',
  model_too_late: 'BadRequest',
  unsupported_encoding: 'BadRequest',
  invalid_multipart: 'BadRequest',
  invalid_encoding: 'BadRequest',
  invalid_grpc: 'BadRequest',
  method_unsupported: 'BadRequest',
  model_not_found: 'NotFound',
  pool_not_found: 'ServiceUnavailable',
  no_endpoint: 'ServiceUnavailable',
  no_server: 'Internal',
  saturated: 'ResourceExhausted',
  not_admitted: 'ResourceExhausted',
  queue_timeout: 'ResourceExhausted',
  overloaded: 'ServiceUnavailable',
  shutting_down: 'ServiceUnavailable',
} as const satisfies Record<RefusalCode, ErrorCode>

export const errorCodeOf = (code: RefusalCode): ErrorCode => codes[code]

import { expect, test } from 'vitest'
import { type RefusalCode, refusalReply, refuse } from '../../src/request/errors.ts'

const statuses: Record<RefusalCode, number> = {
  invalid_json: 400,
  model_missing: 400,
  model_invalid: 400,
  body_too_large: 413,
  model_too_late: 413,
  unsupported_encoding: 415,
  invalid_multipart: 400,
  invalid_encoding: 400,
  invalid_grpc: 400,
  method_unsupported: 400,
  model_not_found: 404,
  pool_not_found: 503,
  no_endpoint: 503,
  no_server: 500,
  saturated: 429,
  not_admitted: 429,
  queue_timeout: 429,
  overloaded: 503,
  shutting_down: 503,
}

test.each(Object.entries(statuses) as [RefusalCode, number][])('%s is answered %i, as OpenAI does', (code, status) => {
  const refusal = refuse(code, 'what "went" wrong\n')
  expect(refusal).toMatchObject({ code, status, headers: ['content-type', 'application/json'] })
  const { error } = JSON.parse(refusalReply(refusal).body.toString())
  expect(Object.keys(error)).toEqual(['message', 'type', 'param', 'code'])
  expect(error).toMatchObject({ message: 'what "went" wrong\n', code })
  const type = status === 429 ? 'rate_limit_error' : status < 500 ? 'invalid_request_error' : 'server_error'
  expect(error.type).toBe(type)
})

test('an error about the model names the field', () => {
  for (const code of ['model_missing', 'model_invalid', 'model_too_late', 'model_not_found'] as const) {
    expect(JSON.parse(refusalReply(refuse(code, '')).body.toString()).error.param).toBe('model')
  }
  expect(JSON.parse(refusalReply(refuse('invalid_json', '')).body.toString()).error.param).toBeNull()
})

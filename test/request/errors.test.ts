import { expect, test } from 'vitest'
import { type RefusalCode, refusalBody, refuse } from '../../src/request/errors.ts'

const statuses: Record<RefusalCode, number> = {
  invalid_json: 400,
  model_missing: 400,
  model_invalid: 400,
  body_too_large: 413,
  model_too_late: 413,
  unsupported_encoding: 415,
  model_not_found: 404,
  pool_not_found: 503,
  no_endpoint: 503,
  shutting_down: 503,
}

test.each(Object.entries(statuses) as [RefusalCode, number][])('%s is answered %i, as OpenAI does', (code, status) => {
  const refusal = refuse(code, 'what "went" wrong\n')
  expect(refusal).toMatchObject({ code, status, headers: ['content-type', 'application/json'] })
  const { error } = JSON.parse(refusalBody(refusal))
  expect(Object.keys(error)).toEqual(['message', 'type', 'param', 'code'])
  expect(error).toMatchObject({ message: 'what "went" wrong\n', code })
  expect(error.type).toBe(status < 500 ? 'invalid_request_error' : 'server_error')
})

test('an error about the model names the field', () => {
  for (const code of ['model_missing', 'model_invalid', 'model_too_late', 'model_not_found'] as const) {
    expect(JSON.parse(refusalBody(refuse(code, ''))).error.param).toBe('model')
  }
  expect(JSON.parse(refusalBody(refuse('invalid_json', ''))).error.param).toBeNull()
})

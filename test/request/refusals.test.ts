import { expect, test } from 'vitest'
import { defaultLimits } from '../../src/request/limits.ts'
import {
  bodyTooLarge,
  invalidBody,
  modelGivenTwice,
  modelMissing,
  modelTooLate,
  overloaded,
} from '../../src/request/refusals.ts'

test.each([
  [
    bodyTooLarge(defaultLimits, 'the request declares 30000000 bytes'),
    413,
    'the body may have 20971520 bytes (--max-body-bytes); the request declares 30000000 bytes',
  ],
  [modelMissing(), 400, 'the body has no "model": name the model that shall answer'],
  [
    overloaded(),
    503,
    'too many bodies wait to be read (--max-total-held-bytes): put "model" first, so that yours need not, or try again',
  ],
  [modelGivenTwice(), 400, '"model" is given twice, with different values'],
  [
    invalidBody({ code: 'invalid_json', offset: 7, message: 'expected a value (byte 7)' }),
    400,
    'invalid JSON: expected a value (byte 7)',
  ],
  [
    invalidBody({ code: 'model_invalid', offset: 9, message: '"model" must be a string' }),
    400,
    '"model" must be a string',
  ],
  [
    modelTooLate(1024, 'held'),
    413,
    '"model" is not among the first 1024 bytes of the body: put it first, or raise --max-held-bytes',
  ],
  [
    modelTooLate(1024, 'streamed'),
    413,
    '"model" is not among the first 1024 bytes of the body: put it first, or raise --streamed-hold-bytes ' +
      "(below Envoy's per_connection_buffer_limit_bytes), or use FULL_DUPLEX_STREAMED",
  ],
  [
    modelTooLate(1024, 'envoy'),
    413,
    '"model" is not among the first 1024 bytes of the body, which Envoy buffers: ' +
      "put it first, or raise Envoy's per_connection_buffer_limit_bytes",
  ],
])('%o: %i %s', (refusal, status, message) => {
  expect(refusal).toMatchObject({ status, message })
})

import type { BodyError } from './bodies/body-reader.ts'
import { type Refusal, refuse } from './errors.ts'
import type { Limits } from './limits.ts'

// What bodies are refused for, in words that say what to do next.

export const bodyTooLarge = (limits: Limits, found: string): Refusal =>
  refuse('body_too_large', `the body may have ${limits.maxBodyBytes} bytes (--max-body-bytes); ${found}`)

export const modelMissing = (): Refusal =>
  refuse('model_missing', 'the body has no "model": name the model that shall answer')

export const modelGivenTwice = (): Refusal => refuse('model_invalid', '"model" is given twice, with different values')

/**
 * 503 and not 429: what is short is memory that all requests share, whoever sent how many. OpenAI says the same of an engine
 * that is overloaded. Memory is free again as soon as bodies have been read, so that a second is enough to wait.
 */
export const overloaded = (): Refusal =>
  refuse(
    'overloaded',
    'too many bodies wait to be read (--max-total-held-bytes): put "model" first, so that yours need not, or try again',
    ['retry-after', '1'],
  )

export const invalidBody = ({ code, message }: BodyError): Refusal => refuse(code, `${prefixes[code]}${message}`)

const prefixes: Readonly<Record<BodyError['code'], string>> = {
  invalid_json: 'invalid JSON: ',
  invalid_multipart: 'invalid multipart form: ',
  invalid_grpc: 'invalid gRPC message: ',
  model_invalid: '',
}

/** Whose limit it was that the model came after. */
export type HoldLimit = 'held' | 'streamed' | 'envoy'

const remedies: Readonly<Record<HoldLimit, string>> = {
  held: 'raise --max-held-bytes',
  streamed:
    "raise --streamed-hold-bytes (below Envoy's per_connection_buffer_limit_bytes), or use FULL_DUPLEX_STREAMED",
  envoy: "raise Envoy's per_connection_buffer_limit_bytes",
}

export function modelTooLate(bytes: number, limit: HoldLimit): Refusal {
  const whose = limit === 'envoy' ? ', which Envoy buffers' : ''
  const found = `"model" is not among the first ${bytes} bytes of the body${whose}`
  return refuse('model_too_late', `${found}: put it first, or ${remedies[limit]}`)
}

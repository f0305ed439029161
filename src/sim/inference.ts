import { countPromptTokens } from './answer.ts'
import type { Dialect, RequestBody } from './dialects/dialect.ts'
import { badRequest, modelNotFound } from './refusal.ts'

/** The names that a server answers to. */
export type ServedModels = {
  readonly base: string
  readonly adapters: ReadonlySet<string>
}

/** An inference request that can be answered. */
export type Inference = {
  readonly dialect: Dialect
  readonly body: RequestBody
  /** As the body names it; the base model where it names none, as in vLLM. */
  readonly model: string
  /** Undefined for the base model. */
  readonly adapter: string | undefined
  readonly isStream: boolean
  readonly promptTokens: number
  /** 0 where nothing is generated (embeddings). */
  readonly answerTokens: number
  readonly finish: 'stop' | 'length'
}

/** The body as a JSON object; undefined if it is anything else. */
export function parseBody(bytes: Buffer): RequestBody | undefined {
  if (bytes.length === 0) return undefined
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as RequestBody) : undefined
  } catch {
    return undefined
  }
}

/**
 * @param tokens tokens of an answer that the request does not limit.
 * @throws RefusedError 404 for a model that is not served, 400 for anything else that is wrong.
 */
export function readInference(
  dialect: Dialect,
  body: RequestBody | undefined,
  served: ServedModels,
  tokens: number,
): Inference {
  if (body === undefined) throw badRequest('The body is not a JSON object.')

  const model = body.model ?? served.base
  if (typeof model !== 'string') throw badRequest('model must be a string.', 'model')
  const isAdapter = served.adapters.has(model)
  if (!isAdapter && model !== served.base) throw modelNotFound(model)

  const { promptField, promptTypes } = dialect
  const prompt = body[promptField]
  if (!promptTypes.some((type) => (type === 'array' ? Array.isArray(prompt) : typeof prompt === type))) {
    throw badRequest(`${promptField} must be ${promptTypes.join(' or ')}.`, promptField)
  }

  const limit = readLimit(dialect, body)
  return {
    dialect,
    body,
    model,
    adapter: isAdapter ? model : undefined,
    isStream: body.stream === true && dialect.events !== undefined,
    promptTokens: countPromptTokens(prompt),
    answerTokens: dialect.events === undefined ? 0 : Math.min(limit, tokens),
    finish: limit < tokens ? 'length' : 'stop',
  }
}

/** The limit of the request on the tokens of its answer; Infinity without one. */
function readLimit({ limitFields }: Dialect, body: RequestBody): number {
  const field = limitFields.find((name) => body[name] !== undefined && body[name] !== null)
  if (field === undefined) return Number.POSITIVE_INFINITY
  const limit = body[field]
  if (typeof limit === 'number' && Number.isInteger(limit) && limit >= 1) return limit
  throw badRequest(`${field} must be a positive integer.`, field)
}

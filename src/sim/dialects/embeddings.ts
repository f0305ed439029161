import { hash } from 'node:crypto'
import { seededRandom } from '../random.ts'
import type { Dialect, RequestBody } from './dialect.ts'

const defaultDimensions = 8
const maxDimensions = 4096

/** POST /v1/embeddings: the same input always has the same vector. */
export const embeddings: Dialect = {
  path: '/v1/embeddings',
  promptField: 'input',
  promptTypes: ['string', 'array'],
  limitFields: [],

  json: ({ id, createdS, model, promptTokens }, body) => ({
    id: `embd-${id}`,
    object: 'list',
    created: createdS,
    model,
    data: inputsOf(body).map((input, index) => ({ object: 'embedding', index, embedding: embed(input, body) })),
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  }),

  events: undefined,
}

/** `input` is one text, one list of token ids, or a list of either. */
function inputsOf({ input }: RequestBody): unknown[] {
  return Array.isArray(input) && typeof input[0] !== 'number' ? input : [input]
}

function embed(input: unknown, { dimensions, encoding_format: format }: RequestBody): number[] | string {
  const seed = hash('sha256', JSON.stringify(input), 'buffer').readInt32LE()
  const random = seededRandom(seed, 0)
  const length = typeof dimensions === 'number' ? Math.min(Math.max(1, dimensions), maxDimensions) : defaultDimensions
  const vector = Float32Array.from({ length }, () => 2 * random() - 1)
  return format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector]
}

import { decodeString } from './json.ts'

/** What a top-level key of a JSON body means to the scanner; `key` while the key itself is being read. */
export const Field = {
  other: 0,
  key: 1,
  model: 2,
  user: 3,
  stream: 4,
  maxTokens: 5,
  prompt: 6,
  head: 7,
  salt: 8,
  /** `model` in other letters, such as `Model`. */
  modelLike: 9,
  promptCacheKey: 10,
} as const
export type Field = (typeof Field)[keyof typeof Field]

const fields = new Map<string, Field>([
  ['model', Field.model],
  ['user', Field.user],
  ['stream', Field.stream],
  ['max_tokens', Field.maxTokens],
  ['max_completion_tokens', Field.maxTokens],
  ['max_output_tokens', Field.maxTokens],
  ['messages', Field.prompt],
  ['prompt', Field.prompt],
  ['input', Field.prompt],
  ['items', Field.prompt],
  ['input_ids', Field.prompt],
  ['token_ids', Field.prompt],
  ['system', Field.head],
  ['instructions', Field.head],
  ['tools', Field.head],
  ['cache_salt', Field.salt],
  ['prompt_cache_key', Field.promptCacheKey],
])

/** The field that a raw key names; a key may be written with escapes (`"mod\\u0065l"`). */
export function fieldOf(raw: Buffer | undefined): Field {
  if (raw === undefined) return Field.other
  const text = raw.toString('latin1')
  const field = fields.get(text)
  if (field !== undefined) return field
  if (!text.includes('\\')) return isModelLike(text) ? Field.modelLike : Field.other
  const decoded = decodeString(raw) ?? ''
  return fields.get(decoded) ?? (isModelLike(decoded) ? Field.modelLike : Field.other)
}

const isModelLike = (key: string): boolean => key.length === 5 && key.toLowerCase() === 'model'

/** One answer, decided before its first byte. The dialects differ only in how they write it down. */
export type Answer = {
  /** Unique among the answers of this server, e.g. `qwen-1-17`. */
  readonly id: string
  /** As the request named it, or the base model where it named none. */
  readonly model: string
  /** Seconds since 1970. */
  readonly createdS: number
  readonly promptTokens: number
  /** Pieces of text, one a token; joined they are the answer. */
  readonly tokens: readonly string[]
  /** `length` where a limit of the request cut the answer short. */
  readonly finish: 'stop' | 'length'
}

/** What follows the first sentence, again and again. Not all ASCII, so that splitting bytes can split characters. */
const filler =
  'The signal is green – the points are set. Next stop: Zürich, platform 7 🚂. ' +
  'Mind the gap, stand clear of the doors, and please keep your ticket ready.'
const fillerTokens = tokensOf(filler)

/** `count` tokens of text that begins with who answers. */
export function answerTokens(model: string, server: string, count: number): string[] {
  const tokens = tokensOf(`I am ${model}, simulated by ${server}.`)
  while (tokens.length < count) {
    for (const token of fillerTokens) tokens.push(` ${token.trimStart()}`)
  }
  tokens.length = count
  return tokens
}

/** Words, each with the space before it. */
function tokensOf(text: string): string[] {
  return text.match(/ ?[^ ]+/g) ?? []
}

/** Characters of text that make one token, on average over languages and vocabularies. */
const charactersPerToken = 4
/** The deepest prompt is a list of messages with lists of parts: four levels. What lies deeper is not counted. */
const maxDepth = 4

/** Estimates the tokens of a prompt: text by its length, numbers (token ids) one each, lists and messages by what is in them. */
export function countPromptTokens(prompt: unknown): number {
  return Math.ceil(promptCharacters(prompt, maxDepth) / charactersPerToken)
}

function promptCharacters(value: unknown, depth: number): number {
  if (typeof value === 'string') return value.length
  if (typeof value === 'number') return charactersPerToken
  if (typeof value !== 'object' || value === null || depth === 0) return 0
  if (Array.isArray(value)) {
    let characters = 0
    for (const item of value) characters += promptCharacters(item, depth - 1)
    return characters
  }
  const { content, text } = value as Record<string, unknown>
  return promptCharacters(content, depth - 1) + promptCharacters(text, depth - 1)
}

/** One answer, decided before its first byte. The dialects differ only in how they write it down. */
export type Answer = {
  /** Unique among the answers of this server, e.g. `qwen-1-17`. */
  readonly id: string
  /** As the request named it, or the base model where it named none. */
  readonly model: string
  /** Seconds since 1970. */
  readonly createdS: number
  readonly promptTokens: number
  /** Tokens of the prompt that were in the cache. */
  readonly cachedTokens: number
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
export const charactersPerToken = 4
/** The deepest prompt is a list of messages with lists of parts: four levels. What lies deeper is not counted. */
const maxDepth = 4

/** Estimates the tokens of a prompt: text by its length, numbers (token ids) one each, lists and messages by what is in them. */
export function countPromptTokens(prompt: unknown): number {
  let characters = 0
  for (const text of promptTexts(prompt)) characters += text.length
  return Math.ceil(characters / charactersPerToken)
}

/** The texts of a prompt in their order; a token id counts as a text of one token. */
export function promptTexts(prompt: unknown): string[] {
  const texts: string[] = []
  collectTexts(prompt, maxDepth, texts)
  return texts
}

function collectTexts(value: unknown, depth: number, texts: string[]): void {
  if (typeof value === 'string') texts.push(value)
  else if (typeof value === 'number') texts.push(String.fromCharCode(0, 0, value >>> 16, value & 0xffff))
  else if (typeof value !== 'object' || value === null || depth === 0) return
  else if (Array.isArray(value)) for (const item of value) collectTexts(item, depth - 1, texts)
  else {
    const { content, text } = value as Record<string, unknown>
    collectTexts(content, depth - 1, texts)
    collectTexts(text, depth - 1, texts)
  }
}

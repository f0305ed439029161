import type { PromptText } from '../request/prompt-text.ts'

type Message = { readonly role: string; readonly parts: readonly object[] }

/**
 * A prompt as an attribute of a span: `gen_ai.input.messages` in the form of the conventions; of one that is cut, or is no text, its
 * beginning as it was sent.
 */
export function promptAttributes({ text, isCut }: PromptText): Record<string, string> {
  const messages = isCut ? undefined : messagesIn(text)
  return messages === undefined
    ? { 'signalbox.request.prompt_start': text }
    : { 'gen_ai.input.messages': JSON.stringify(messages) }
}

function messagesIn(text: string): Message[] | undefined {
  let prompt: unknown
  try {
    prompt = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof prompt === 'string') return [{ role: 'user', parts: partsOf(prompt) }]
  if (!Array.isArray(prompt) || !prompt.every(isMessage)) return undefined
  return prompt.map(({ role, content }) => ({ role, parts: partsOf(content) }))
}

function isMessage(value: unknown): value is { readonly role: string; readonly content?: unknown } {
  return typeof value === 'object' && value !== null && typeof (value as { role?: unknown }).role === 'string'
}

/** The parts of OpenAI's and Anthropic's APIs have a type of their own, which the conventions leave as it is. */
function partsOf(content: unknown): object[] {
  if (typeof content === 'string') return [{ type: 'text', content }]
  if (!Array.isArray(content)) return []
  return content.map((part) => (isText(part) ? { type: 'text', content: part.text } : part))
}

function isText(part: unknown): part is { readonly text: string } {
  return typeof part === 'object' && part !== null && typeof (part as { text?: unknown }).text === 'string'
}

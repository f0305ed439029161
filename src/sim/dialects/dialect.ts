import type { Answer } from '../answer.ts'
import { chatCompletions } from './chat-completions.ts'
import { completions } from './completions.ts'
import { embeddings } from './embeddings.ts'
import { messages } from './messages.ts'
import { responses } from './responses.ts'

export type RequestBody = Readonly<Record<string, unknown>>

/** One server-sent event. */
export type SseEvent = {
  /** As it goes out, with its empty line. */
  readonly text: string
  /** Whether it brings a token that had to be made first. */
  readonly isToken: boolean
}

/** One API: where it reads a request, and how it writes an answer. */
export type Dialect = {
  readonly path: string
  /** The field of the body that must hold the prompt, and what it may be. */
  readonly promptField: string
  readonly promptTypes: readonly ('string' | 'array')[]
  /** Fields of the body that limit the tokens of the answer. */
  readonly limitFields: readonly string[]
  json(answer: Answer, body: RequestBody): unknown
  /** Undefined where the API makes no tokens, so has no streams either. */
  readonly events: ((answer: Answer, body: RequestBody) => Iterable<SseEvent>) | undefined
}

export const dialects: ReadonlyMap<string, Dialect> = new Map(
  [chatCompletions, completions, responses, embeddings, messages].map((dialect) => [dialect.path, dialect]),
)

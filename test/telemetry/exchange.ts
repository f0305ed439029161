import { defaultFlowControlOptions } from '../../src/admission/options.ts'
import { PoolQueues } from '../../src/admission/pool-queues.ts'
import { Conversation } from '../../src/extproc/conversation.ts'
import type { ConversationContext } from '../../src/extproc/conversation-context.ts'
import { bodyMode } from '../../src/extproc/decode.ts'
import { type HeaderValues, slot } from '../../src/extproc/headers.ts'
import { createHeaderTable } from '../../src/request/control-headers.ts'
import type { ExchangeObserver } from '../../src/telemetry/observers.ts'
import { joinObservers } from '../../src/telemetry/observers.ts'
import { createWorld, onePool, type World, type WorldInput } from '../extproc/world.ts'

export type Exchange = {
  readonly world: World
  readonly conversation: Conversation
  /** Sends the request's headers; those that a test adds are read, whatever their names. */
  begin(options?: { readonly path?: string; readonly hasBody?: boolean }): void
  /** Sends the whole body. */
  body(text: string): void
  answer(status: number, contentType?: string): void
  piece(text: string, isLast?: boolean): void
}

export type ExchangeOptions = {
  readonly observer: ExchangeObserver
  readonly world?: WorldInput
  readonly context?: Partial<ConversationContext>
  /** Of the request, beside the fixed ones. */
  readonly headers?: Readonly<Record<string, string>>
  /** The observer needs these, whether or not they are sent. */
  readonly headerNames?: readonly string[]
  readonly responseBodyMode?: number
  /** A world whose endpoints and queues others of the test share. */
  readonly shared?: World
}

/** One exchange that a test plays step by step, on a clock that it moves. */
export function exchange(options: ExchangeOptions): Exchange {
  const { observer, headers: more = {}, responseBodyMode = bodyMode.fullDuplex } = options
  const world = options.shared ?? createWorld({ ...onePool, ...options.world })
  const names = [
    ...Object.keys(more),
    ...(options.headerNames ?? []),
    ...world.context.scheduling.scheduler.headerNames,
  ]
  const table = createHeaderTable(names)
  const context = { ...world.context, ...options.context, observer: joinObservers(world.context.observer, [observer]) }
  const stream = { write: () => true, run: (step: () => void) => step() }
  const conversation = new Conversation(context, { ...world.routing, table }, undefined, stream as never)
  conversation.protocolConfig({ requestBodyMode: bodyMode.fullDuplex, responseBodyMode } as never)
  return {
    world,
    conversation,
    begin({ path = '/v1/chat/completions', hasBody = true } = {}) {
      const headers: HeaderValues = new Array(table.size).fill(undefined)
      headers[slot.method] = hasBody ? 'POST' : 'GET'
      headers[slot.path] = path
      if (hasBody) headers[slot.contentType] = 'application/json'
      for (const [name, value] of Object.entries(more)) headers[table.slotOf(name)] = value
      conversation.requestHeaders(headers, !hasBody)
    },
    body(text) {
      conversation.requestBody(Buffer.from(text))
      conversation.requestBodyEnd(true)
    },
    answer(status, contentType = 'text/event-stream') {
      const headers: HeaderValues = []
      headers[slot.status] = String(status)
      headers[slot.contentType] = contentType
      conversation.responseHeaders(headers, false)
    },
    piece(text, isLast = false) {
      conversation.responseBody(Buffer.from(text))
      conversation.responseBodyEnd(isLast)
    },
  }
}

export const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`

export const done = 'data: [DONE]\n\n'

export const token = (content: string): string => event({ model: 'chat-large-v2', choices: [{ delta: { content } }] })

const usage = { prompt_tokens: 7, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 3 } }
const pieces = [token('a'), token('b') + event({ choices: [], usage }) + done]

/** Of the body of {@link playStream}'s answer. */
export const streamBytes = Buffer.byteLength(pieces.join(''))

/** A stream of two tokens that says what it has used; the clock has moved 1,000 ms from its begin to its end. */
export async function playStream({ world: { clock }, begin, body, answer, piece, conversation }: Exchange) {
  begin()
  await clock.advance(10)
  body('{"model":"chat","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"who are you?"}]}')
  await clock.advance(90)
  answer(200)
  await clock.advance(100)
  piece(pieces[0])
  await clock.advance(800)
  piece(pieces[1], true)
  conversation.closed()
}

/** A pool that is full until it is said to be not. */
export function fullPool() {
  let isFull = true
  const queues: WorldInput['queues'] = (_, clock) =>
    new PoolQueues(defaultFlowControlOptions, {
      clock,
      saturation: () => (isFull ? 1 : 0),
      hasEndpoints: () => true,
      observer: () => ({ enqueued() {}, dispatched() {}, rejected() {} }),
    })
  return {
    queues,
    letGo() {
      isFull = false
    },
  }
}

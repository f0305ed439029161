import type { SseEvent } from './dialect.ts'

export const doneEvent: SseEvent = { text: 'data: [DONE]\n\n', isToken: false }

/** An event without a name: the completion APIs. */
export function dataEvent(data: unknown, isToken = false): SseEvent {
  return { text: `data: ${JSON.stringify(data)}\n\n`, isToken }
}

/** An event named by the `type` of its data: the Responses and Messages APIs. */
export function typedEvent<T extends { readonly type: string }>(data: T, isToken = false): SseEvent {
  return { text: `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`, isToken }
}

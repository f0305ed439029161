import type { Answer } from '../answer.ts'
import type { Dialect } from './dialect.ts'
import { typedEvent } from './sse.ts'

/** POST /v1/messages (Anthropic), which vLLM serves too: one text block. */
export const messages: Dialect = {
  path: '/v1/messages',
  promptField: 'messages',
  promptTypes: ['array'],
  limitFields: ['max_tokens'],

  json: (answer) => ({
    ...message(answer, [{ type: 'text', text: answer.tokens.join('') }]),
    stop_reason: stopReason(answer),
    usage: { input_tokens: answer.promptTokens, output_tokens: answer.tokens.length },
  }),

  *events(answer) {
    const usage = { input_tokens: answer.promptTokens, output_tokens: 0 }
    yield typedEvent({ type: 'message_start', message: { ...message(answer, []), stop_reason: null, usage } })
    yield typedEvent({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } })
    for (const text of answer.tokens) {
      yield typedEvent({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }, true)
    }
    yield typedEvent({ type: 'content_block_stop', index: 0 })
    const delta = { stop_reason: stopReason(answer), stop_sequence: null }
    yield typedEvent({ type: 'message_delta', delta, usage: { output_tokens: answer.tokens.length } })
    yield typedEvent({ type: 'message_stop' })
  },
}

const stopReason = ({ finish }: Answer) => (finish === 'stop' ? 'end_turn' : 'max_tokens')
const message = ({ id, model }: Answer, content: object[]) => ({
  id: `msg_${id}`,
  type: 'message',
  role: 'assistant',
  model,
  content,
  stop_sequence: null,
})

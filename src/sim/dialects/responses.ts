import type { Answer } from '../answer.ts'
import type { Dialect } from './dialect.ts'
import { typedEvent } from './sse.ts'

/** POST /v1/responses: one message of one text part. */
export const responses: Dialect = {
  path: '/v1/responses',
  promptField: 'input',
  promptTypes: ['string', 'array'],
  limitFields: ['max_output_tokens'],

  json: finished,

  *events(answer) {
    let sequence = 0
    const event = (type: string, fields: object, isToken = false) =>
      typedEvent({ type, sequence_number: sequence++, ...fields }, isToken)
    const place = { item_id: itemId(answer), output_index: 0, content_index: 0 }
    const text = answer.tokens.join('')

    yield event('response.created', { response: started(answer) })
    yield event('response.in_progress', { response: started(answer) })
    yield event('response.output_item.added', { output_index: 0, item: item(answer, 'in_progress', []) })
    yield event('response.content_part.added', { ...place, part: part('') })
    for (const token of answer.tokens) yield event('response.output_text.delta', { ...place, delta: token }, true)
    yield event('response.output_text.done', { ...place, text })
    yield event('response.content_part.done', { ...place, part: part(text) })
    yield event('response.output_item.done', { output_index: 0, item: item(answer, 'completed', [part(text)]) })
    yield event(answer.finish === 'stop' ? 'response.completed' : 'response.incomplete', { response: finished(answer) })
  },
}

const itemId = ({ id }: Answer) => `msg_${id}`
const part = (text: string) => ({ type: 'output_text', text, annotations: [] })
const item = (answer: Answer, status: string, content: object[]) => ({
  type: 'message',
  id: itemId(answer),
  role: 'assistant',
  status,
  content,
})
const head = ({ id, createdS, model }: Answer) => ({
  id: `resp_${id}`,
  object: 'response',
  created_at: createdS,
  model,
})
const started = (answer: Answer) => ({ ...head(answer), status: 'in_progress', output: [], usage: null })

function finished(answer: Answer) {
  const { promptTokens, cachedTokens, tokens, finish } = answer
  return {
    ...head(answer),
    status: finish === 'stop' ? 'completed' : 'incomplete',
    incomplete_details: finish === 'stop' ? null : { reason: 'max_output_tokens' },
    output: [item(answer, 'completed', [part(tokens.join(''))])],
    usage: {
      input_tokens: promptTokens,
      input_tokens_details: { cached_tokens: cachedTokens },
      output_tokens: tokens.length,
      total_tokens: promptTokens + tokens.length,
    },
  }
}

import type { Answer } from '../answer.ts'
import { completionUsage, wantsUsage } from './completions.ts'
import type { Dialect } from './dialect.ts'
import { dataEvent, doneEvent } from './sse.ts'

/** POST /v1/chat/completions */
export const chatCompletions: Dialect = {
  path: '/v1/chat/completions',
  promptField: 'messages',
  promptTypes: ['array'],
  limitFields: ['max_completion_tokens', 'max_tokens'],

  json: (answer) => ({
    ...head(answer, 'chat.completion'),
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: answer.tokens.join('') },
        logprobs: null,
        finish_reason: answer.finish,
      },
    ],
    usage: completionUsage(answer),
  }),

  *events(answer, body) {
    const start = head(answer, 'chat.completion.chunk')
    const chunk = (delta: object, finish: string | null) => ({
      ...start,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    })
    yield dataEvent(chunk({ role: 'assistant', content: '' }, null))
    for (const token of answer.tokens) yield dataEvent(chunk({ content: token }, null), true)
    yield dataEvent(chunk({}, answer.finish))
    if (wantsUsage(body)) yield dataEvent({ ...start, choices: [], usage: completionUsage(answer) })
    yield doneEvent
  },
}

const head = ({ id, createdS, model }: Answer, object: string) => ({
  id: `chatcmpl-${id}`,
  object,
  created: createdS,
  model,
})

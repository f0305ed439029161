import type { Answer } from '../answer.ts'
import type { Dialect, RequestBody } from './dialect.ts'
import { dataEvent, doneEvent } from './sse.ts'

/** POST /v1/completions */
export const completions: Dialect = {
  path: '/v1/completions',
  promptField: 'prompt',
  promptTypes: ['string', 'array'],
  limitFields: ['max_tokens'],

  json: (answer) => ({
    ...head(answer),
    choices: [{ index: 0, text: answer.tokens.join(''), logprobs: null, finish_reason: answer.finish }],
    usage: completionUsage(answer),
  }),

  *events(answer, body) {
    const chunk = (text: string, finish: string | null) => ({
      ...head(answer),
      choices: [{ index: 0, text, logprobs: null, finish_reason: finish }],
    })
    for (const token of answer.tokens) yield dataEvent(chunk(token, null), true)
    yield dataEvent(chunk('', answer.finish))
    if (wantsUsage(body)) yield dataEvent({ ...head(answer), choices: [], usage: completionUsage(answer) })
    yield doneEvent
  },
}

const head = ({ id, createdS, model }: Answer) => ({
  id: `cmpl-${id}`,
  object: 'text_completion',
  created: createdS,
  model,
})

/** `usage` of the two completion APIs. */
export function completionUsage({ promptTokens, cachedTokens, tokens }: Answer) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: tokens.length,
    total_tokens: promptTokens + tokens.length,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  }
}

/** `stream_options.include_usage` of the two completion APIs. */
export function wantsUsage({ stream_options: options }: RequestBody): boolean {
  return typeof options === 'object' && options !== null && 'include_usage' in options && options.include_usage === true
}

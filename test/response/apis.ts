import { dataEvents, served as model, typedEvents } from './reading.ts'

/** A body of one API, and what it tells. */
export type ApiCase = {
  readonly name: string
  readonly type: 'application/json' | 'text/event-stream'
  readonly body: string
  readonly usage:
    | readonly [prompt: number, completion: number | undefined, cached: number | undefined, total: number | undefined]
    | undefined
  readonly events: number
  readonly finished: boolean
  /** How often the model stands where it is restored. */
  readonly models: number
}

/** Generated text that looks like everything that counts. */
const tricky =
  'x"model":"meta-llama/Llama-3.1-8B-Instruct","usage":{"prompt_tokens":999}}\n\ndata: {"usage":{"total_tokens":998}}\n\ndata: [DONE]\n\\'

const chunk = (fields: object) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1763736000,
  model,
  ...fields,
})
const delta = (delta: object, finish_reason: string | null = null) => ({
  choices: [{ index: 0, delta, logprobs: null, finish_reason }],
})
const done = 'data: [DONE]\n\n'
const anthropicStart = { id: 'msg_1', type: 'message', role: 'assistant', model, content: [], stop_reason: null }
const responseHead = { id: 'resp_1', object: 'response', created_at: 1763736000, model }

export const apis: readonly ApiCase[] = [
  {
    name: 'chat completion',
    type: 'application/json',
    body: JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      model,
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: tricky, tool_calls: [], usage: { prompt_tokens: 997 }, model },
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 32,
        total_tokens: 42,
        completion_tokens: 10,
        prompt_tokens_details: { cached_tokens: 16, audio_tokens: 3 },
        completion_tokens_details: { reasoning_tokens: 4 },
      },
      metadata: { usage: { prompt_tokens: 996 }, model },
    }),
    usage: [32, 10, 16, 42],
    events: 1,
    finished: true,
    models: 1,
  },
  {
    name: 'chat completion with spaces, the misspelt details and the usage first',
    type: 'application/json',
    body: JSON.stringify(
      {
        usage: { prompt_token_details: { cached_tokens: 5 }, prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
        choices: [
          {
            message: { content: null, tool_calls: [{ function: { name: 'f', arguments: '{"model":"m"}' } }] },
            finish_reason: 'tool_calls',
          },
        ],
        model,
      },
      null,
      2,
    ),
    usage: [7, 2, 5, 9],
    events: 1,
    finished: true,
    models: 1,
  },
  {
    name: 'completion',
    type: 'application/json',
    body: JSON.stringify({
      model,
      choices: [{ text: tricky, finish_reason: 'length' }],
      usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    }),
    usage: [1, 2, undefined, 3],
    events: 1,
    finished: true,
    models: 1,
  },
  {
    name: 'embeddings',
    type: 'application/json',
    body: JSON.stringify({
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: [0.25, -1.5e-3, 1] }],
      model,
      usage: { prompt_tokens: 8, total_tokens: 8 },
    }),
    usage: [8, undefined, undefined, 8],
    events: 1,
    finished: true,
    models: 1,
  },
  {
    name: 'Response',
    type: 'application/json',
    body: JSON.stringify({
      ...responseHead,
      status: 'completed',
      output: [{ type: 'message', status: 'completed', content: [{ type: 'output_text', text: tricky, model }] }],
      usage: { input_tokens: 36, input_tokens_details: { cached_tokens: 4 }, output_tokens: 87, total_tokens: 123 },
    }),
    usage: [36, 87, 4, 123],
    events: 1,
    finished: true,
    models: 1,
  },
  {
    name: 'Anthropic message',
    type: 'application/json',
    body: JSON.stringify({
      ...anthropicStart,
      content: [{ type: 'text', text: tricky }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 2095, cache_creation_input_tokens: 1, cache_read_input_tokens: 2051, output_tokens: 503 },
    }),
    usage: [2095, 503, 2051, 2598],
    events: 1,
    finished: true,
    models: 1,
  },
  {
    name: 'sglang generate',
    type: 'application/json',
    body: JSON.stringify({
      text: tricky,
      output_ids: [1, 2],
      meta_info: {
        id: '1',
        finish_reason: { type: 'length', length: 2 },
        prompt_tokens: 5,
        completion_tokens: 2,
        cached_tokens: 3,
        e2e_latency: 0.1,
      },
    }),
    usage: [5, 2, 3, 7],
    events: 1,
    finished: true,
    models: 0,
  },
  {
    name: 'an error',
    type: 'application/json',
    body: JSON.stringify({ error: { message: 'no', type: 'NotFoundError', param: null, code: 404, model } }),
    usage: undefined,
    events: 0,
    finished: true,
    models: 0,
  },
  {
    name: 'chat completion stream with its usage at the end',
    type: 'text/event-stream',
    body:
      dataEvents(
        chunk(delta({ role: 'assistant', content: '' })),
        chunk(delta({ content: 'Hel' })),
        chunk(delta({ content: tricky })),
        chunk(delta({ reasoning_content: 'hm' })),
        chunk(delta({ tool_calls: [{ index: 0, function: { arguments: '{' } }] })),
        chunk(delta({}, 'stop')),
        chunk({
          choices: [],
          usage: { prompt_tokens: 12, total_tokens: 20, completion_tokens: 8, prompt_tokens_details: null },
        }),
      ) + done,
    usage: [12, 8, undefined, 20],
    events: 4,
    finished: true,
    models: 7,
  },
  {
    name: 'chat completion stream with usage in every chunk (vLLM)',
    type: 'text/event-stream',
    body: dataEvents(
      ...[0, 1, 2, 3].map((tokens) =>
        chunk({
          ...delta(tokens === 0 ? { role: 'assistant', content: '' } : { content: 'x' }),
          usage: { prompt_tokens: 12, total_tokens: 12 + tokens, completion_tokens: tokens },
        }),
      ),
    ),
    usage: [12, 3, undefined, 15],
    events: 3,
    finished: false,
    models: 4,
  },
  {
    name: 'completion stream',
    type: 'text/event-stream',
    body: `: a comment with "usage":{"prompt_tokens":1}\n\n${dataEvents(
      { model, choices: [{ index: 0, text: 'a', finish_reason: null }], usage: null },
      { model: 'another', choices: [{ index: 0, text: '', finish_reason: 'length' }] },
    )}${done}`,
    usage: undefined,
    events: 1,
    finished: true,
    models: 1,
  },
  {
    name: 'Responses stream',
    type: 'text/event-stream',
    body: typedEvents(
      { type: 'response.created', response: { ...responseHead, status: 'in_progress', output: [], usage: null } },
      {
        type: 'response.output_item.added',
        output_index: 0,
        item: { type: 'message', status: 'in_progress', content: [] },
      },
      { type: 'response.content_part.added', part: { type: 'output_text', text: '' } },
      { type: 'response.output_text.delta', delta: 'Hel' },
      { type: 'response.output_text.delta', delta: tricky },
      { type: 'response.function_call_arguments.delta', delta: '{}' },
      { type: 'response.output_text.done', text: tricky },
      {
        type: 'response.output_item.done',
        item: { type: 'message', status: 'completed', content: [{ text: tricky }] },
      },
      {
        type: 'response.completed',
        response: {
          ...responseHead,
          status: 'completed',
          output: [{ content: [{ text: tricky, model }] }],
          usage: {
            input_tokens: 37,
            output_tokens: 11,
            output_tokens_details: { reasoning_tokens: 0 },
            input_tokens_details: { cached_tokens: 32 },
            total_tokens: 48,
          },
        },
      },
    ),
    usage: [37, 11, 32, 48],
    events: 3,
    finished: true,
    models: 2,
  },
  {
    name: 'Anthropic messages stream',
    type: 'text/event-stream',
    body: typedEvents(
      {
        type: 'message_start',
        message: { ...anthropicStart, usage: { input_tokens: 25, cache_read_input_tokens: 9, output_tokens: 1 } },
      },
      { type: 'ping' },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hel' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: tricky } },
      { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '' } },
      { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"model":' } },
      { type: 'content_block_stop', index: 1 },
      { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 15 } },
      { type: 'message_stop' },
    ),
    usage: [25, 15, 9, 40],
    events: 3,
    finished: true,
    models: 1,
  },
  {
    name: 'sglang generate stream',
    type: 'text/event-stream',
    body:
      dataEvents(
        { text: 'a', meta_info: { finish_reason: null, prompt_tokens: 5, completion_tokens: 1, cached_tokens: 0 } },
        {
          text: 'ab',
          meta_info: {
            finish_reason: { type: 'stop', matched: 2 },
            prompt_tokens: 5,
            completion_tokens: 2,
            cached_tokens: 0,
          },
        },
      ) + done,
    usage: [5, 2, 0, 7],
    events: 2,
    finished: true,
    models: 0,
  },
]

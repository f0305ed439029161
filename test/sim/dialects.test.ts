import { expect, test } from 'vitest'
import { eventsOf, send, startTestSim } from './http.ts'

const prompts: Record<string, object> = {
  '/v1/chat/completions': { messages: [{ role: 'user', content: 'who are you?' }] },
  '/v1/completions': { prompt: 'who are you?' },
  '/v1/responses': { input: 'who are you?' },
  '/v1/messages': { messages: [{ role: 'user', content: 'who are you?' }] },
  '/v1/embeddings': { input: 'who are you?' },
}

/** The fields that these tests read, of all APIs. */
type StreamEvent = {
  readonly type: string
  readonly sequence_number: number
  readonly choices: readonly {
    readonly delta: { readonly role?: string; readonly content?: string }
    readonly text: string
    readonly finish_reason: string | null
  }[]
  readonly delta?: { readonly text?: string } | string
}

/** Asks a new server; `fields` are added to the smallest body that the path takes. */
async function ask(path: string, fields: object = {}) {
  const sim = await startTestSim({ adapters: ['travel-helper-v1'] })
  const answer = await send(sim, path, { body: JSON.stringify({ model: 'qwen', ...prompts[path], ...fields }) })
  expect(answer.status, answer.text).toBe(200)
  expect(answer.isComplete).toBe(true)
  return answer
}

const json = async (path: string, fields: object = {}) => JSON.parse((await ask(path, fields)).text)
const events = async (path: string, fields: object = {}) => {
  const answer = await ask(path, { stream: true, ...fields })
  expect(answer.headers['content-type']).toBe('text/event-stream; charset=utf-8')
  return eventsOf(answer.text) as StreamEvent[]
}

test('chat completion', async () => {
  expect(await json('/v1/chat/completions', { model: 'travel-helper-v1' })).toEqual({
    id: 'chatcmpl-qwen-1-1',
    object: 'chat.completion',
    created: expect.any(Number),
    model: 'travel-helper-v1',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: expect.stringMatching(/^I am travel-helper-v1, simulated by qwen-1\. /),
        },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: {
      prompt_tokens: 3,
      completion_tokens: 16,
      total_tokens: 19,
      prompt_tokens_details: { cached_tokens: 0 },
    },
  })
})

test('chat completion as a stream: the same text, and usage only on request', async () => {
  const whole = await json('/v1/chat/completions')
  const plain = await events('/v1/chat/completions')
  expect(plain.at(-1)).toBe('[DONE]')
  const chunks = plain.slice(0, -1)
  for (const chunk of chunks) expect(chunk).toMatchObject({ object: 'chat.completion.chunk', model: 'qwen' })
  expect(chunks[0].choices[0].delta.role).toBe('assistant')
  expect(chunks.map((chunk) => chunk.choices[0].delta.content).join('')).toBe(whole.choices[0].message.content)
  expect(chunks.map((chunk) => chunk.choices[0].finish_reason).filter(Boolean)).toEqual(['stop'])
  expect(chunks).toHaveLength(1 + 16 + 1)

  const counted = await events('/v1/chat/completions', { stream_options: { include_usage: true } })
  expect(counted.at(-2)).toMatchObject({ choices: [], usage: whole.usage })
  expect(counted).toHaveLength(plain.length + 1)
})

test('text completion, whole and as a stream', async () => {
  const whole = await json('/v1/completions')
  expect(whole).toMatchObject({
    object: 'text_completion',
    model: 'qwen',
    choices: [{ text: expect.stringMatching(/^I am qwen/), finish_reason: 'stop' }],
    usage: { prompt_tokens: 3, completion_tokens: 16, total_tokens: 19 },
  })
  const stream = await events('/v1/completions', { stream_options: { include_usage: true } })
  expect(stream.at(-1)).toBe('[DONE]')
  expect(stream.at(-2)).toMatchObject({ choices: [], usage: whole.usage })
  const text = stream.slice(0, -2).map((chunk) => chunk.choices[0].text)
  expect(text.join('')).toBe(whole.choices[0].text)
})

test('responses, whole and as a stream of numbered events', async () => {
  const whole = await json('/v1/responses')
  expect(whole).toMatchObject({
    object: 'response',
    status: 'completed',
    model: 'qwen',
    output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text' }] }],
    usage: { input_tokens: 3, output_tokens: 16, total_tokens: 19 },
  })
  const stream = await events('/v1/responses')
  expect(stream.map((event) => event.sequence_number)).toEqual(stream.map((_, index) => index))
  expect(stream[0]).toMatchObject({ type: 'response.created', response: { status: 'in_progress', usage: null } })
  expect(stream.at(-1)).toMatchObject({ type: 'response.completed', response: { usage: whole.usage } })
  const deltas = stream.filter((event) => event.type === 'response.output_text.delta').map((event) => event.delta)
  expect(deltas.join('')).toBe(whole.output[0].content[0].text)
})

test('messages, whole and as a stream', async () => {
  const whole = await json('/v1/messages', { max_tokens: 100 })
  expect(whole).toMatchObject({
    type: 'message',
    role: 'assistant',
    model: 'qwen',
    content: [{ type: 'text' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 3, output_tokens: 16 },
  })
  const stream = await events('/v1/messages', { max_tokens: 100 })
  expect(stream[0]).toMatchObject({ type: 'message_start', message: { model: 'qwen', content: [], stop_reason: null } })
  expect(stream.at(-2)).toMatchObject({ delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 16 } })
  expect(stream.at(-1)).toEqual({ type: 'message_stop' })
  expect(stream.map(({ delta }) => (typeof delta === 'object' ? delta.text : '')).join('')).toBe(whole.content[0].text)
})

test('embeddings: a vector for each input, always the same for the same text', async () => {
  const { data, usage, model } = await json('/v1/embeddings', { input: ['one', 'two', 'one'], dimensions: 4 })
  expect(model).toBe('qwen')
  expect(usage).toEqual({ prompt_tokens: 3, total_tokens: 3 })
  expect(data.map((each: { index: number }) => each.index)).toEqual([0, 1, 2])
  expect(data[0].embedding).toHaveLength(4)
  expect(data[2].embedding).toEqual(data[0].embedding)
  expect(data[1].embedding).not.toEqual(data[0].embedding)

  const encoded = (await json('/v1/embeddings', { input: 'one', dimensions: 4, encoding_format: 'base64' })).data
  const floats = new Float32Array(new Uint8Array(Buffer.from(encoded[0].embedding, 'base64')).buffer)
  expect([...floats]).toEqual(data[0].embedding)
  expect((await json('/v1/embeddings', { input: [1, 2, 3] })).data).toHaveLength(1)
  expect((await json('/v1/embeddings', { stream: true })).object).toBe('list')
})

test.each([
  [
    '/v1/chat/completions',
    { max_completion_tokens: 3 },
    { choices: [{ finish_reason: 'length' }], usage: { completion_tokens: 3 } },
  ],
  [
    '/v1/chat/completions',
    { max_tokens: 3 },
    { choices: [{ finish_reason: 'length' }], usage: { completion_tokens: 3 } },
  ],
  [
    '/v1/chat/completions',
    { max_tokens: null },
    { choices: [{ finish_reason: 'stop' }], usage: { completion_tokens: 16 } },
  ],
  [
    '/v1/chat/completions',
    { max_tokens: 16 },
    { choices: [{ finish_reason: 'stop' }], usage: { completion_tokens: 16 } },
  ],
  ['/v1/completions', { max_tokens: 3 }, { choices: [{ finish_reason: 'length' }], usage: { completion_tokens: 3 } }],
  ['/v1/responses', { max_output_tokens: 3 }, { status: 'incomplete', usage: { output_tokens: 3 } }],
  ['/v1/messages', { max_tokens: 3 }, { stop_reason: 'max_tokens', usage: { output_tokens: 3 } }],
])('%s with %j is cut where the request says', async (path, limit, expected) => {
  expect(await json(path, limit)).toMatchObject(expected)
})

test.each([
  ['a text', { prompt: 'x'.repeat(400) }, 100],
  ['token ids', { prompt: [1, 2, 3] }, 3],
  ['lists of token ids', { prompt: [[1, 2], [3]] }, 3],
  ['texts', { prompt: ['x'.repeat(8), 'x'.repeat(8)] }, 4],
])('the prompt is counted: %s', async (_, fields, tokens) => {
  expect((await json('/v1/completions', fields)).usage.prompt_tokens).toBe(tokens)
})

test('the prompt of a chat counts the text of its parts, not its images', async () => {
  const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${'x'.repeat(4000)}` } }
  const content = [{ type: 'text', text: 'x'.repeat(40) }, image]
  const { usage } = await json('/v1/chat/completions', { messages: [{ role: 'user', content }] })
  expect(usage.prompt_tokens).toBe(10)
})

test('an answer is as long as the settings say, however long that is', async () => {
  const sim = await startTestSim({ settings: { tokens: 5000 } })
  const answer = await send(sim, '/v1/completions', { body: '{"prompt": "x"}' })
  const { choices, usage, model } = JSON.parse(answer.text)
  expect(model, 'a body without a model means the base model').toBe('qwen')
  expect(usage.completion_tokens).toBe(5000)
  expect(choices[0].text.split(' ')).toHaveLength(5000)
})

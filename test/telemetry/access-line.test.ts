import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nothingScheduled } from '../../src/scheduling/plugin.ts'
import { accessLine, maxTextLength, requestIdHeader } from '../../src/telemetry/access-line.ts'
import { type Ended, observeEnds } from '../../src/telemetry/exchange-ends.ts'
import { lineLimits } from '../../src/telemetry/line-writer.ts'
import { createWorld, onePool, type WorldInput } from '../extproc/world.ts'
import { done, type Exchange, exchange, fullPool, playStream, streamBytes } from './exchange.ts'

const requestId = '3d5f1f64-90ab-4cde-8f01-234567890abc'

/** The line of an exchange, as it was written. */
async function lineOf(
  options: { readonly world?: WorldInput; readonly headers?: Readonly<Record<string, string>> },
  play: (exchange: Exchange) => unknown,
): Promise<string> {
  const ends: Ended[] = []
  const shared = createWorld({ ...onePool, ...options.world })
  const observer = observeEnds(
    () => shared.clock.nowMs(),
    (ended) => ends.push(ended),
  )
  const headers = { ...options.headers }
  await play(exchange({ shared, observer, headers, headerNames: [requestIdHeader] }))
  expect(ends.length).toBe(1)
  return accessLine(ends[0], shared.clock.epochMs())
}

const scheduler: WorldInput['scheduler'] = {
  schedule: (_, candidates) => ({
    ...nothingScheduled,
    endpoints: candidates,
    scores: [
      ['10.0.0.1:8000', 2.123456],
      ['10.0.0.2:8000', 1],
    ],
  }),
}

test('all that there is to say of a request that went well', async () => {
  const headers = { [requestIdHeader]: requestId, 'x-llm-d-inference-fairness-id': 'tenant-a' }
  const line = await lineOf({ world: { scheduler }, headers }, playStream)
  expect(line.endsWith('}\n')).toBe(true)
  expect(JSON.parse(line)).toEqual({
    time: '2023-11-14T22:13:21.000Z',
    requestId,
    method: 'POST',
    path: '/v1/chat/completions',
    outcome: 'answered',
    status: 200,
    model: 'chat',
    target: 'chat-large-v2',
    pool: 'default/qwen-pool',
    endpoint: '10.0.0.1:8000',
    why: { targetBy: 'InferenceModel chat', candidates: 2, score: 2.123, nextScore: 1 },
    priority: 0,
    fairnessIdHash: '80a707af7dc77ee1',
    bytes: { request: 100, held: 100, response: streamBytes },
    tokens: { prompt: 7, cached: 3, output: 2 },
    ms: { body: 10, decision: 10, firstByte: 100, firstToken: 200, total: 1000 },
  })
})

test('a refusal says its code, and nothing that there was not', async () => {
  const line = await lineOf({}, ({ begin, body, conversation }) => {
    begin()
    body('{"messages":[]}')
    conversation.closed()
  })
  expect(JSON.parse(line)).toEqual({
    time: '2023-11-14T22:13:20.000Z',
    method: 'POST',
    path: '/v1/chat/completions',
    outcome: 'refused',
    status: 400,
    code: 'model_missing',
    bytes: { request: 15, held: 0 },
    ms: { body: 0, total: 0 },
  })
})

test('the base model of an adapter', async () => {
  const line = await lineOf({ world: { baseModels: { 'chat-large-v2': 'qwen' } } }, playStream)
  expect(JSON.parse(line)).toMatchObject({ model: 'chat', target: 'chat-large-v2', baseModel: 'qwen' })
})

test('a header that has a model keep its name chose the target, not the resource', async () => {
  const headers = { 'x-llm-d-model-name-rewrite': 'chat' }
  const line = await lineOf({ headers }, playStream)
  expect(JSON.parse(line)).toMatchObject({ target: 'chat', why: { targetBy: 'a header of the request' } })
})

test('a request that had to wait, and how long', async () => {
  const { queues, letGo } = fullPool()
  const line = await lineOf({ world: { queues } }, async (played) => {
    const { clock, queues } = played.world
    played.begin()
    await clock.advance(10)
    played.body('{"model":"chat","messages":[]}')
    await clock.advance(40)
    letGo()
    queues?.release('default/qwen-pool')
    played.answer(200)
    played.piece(done, true)
    played.conversation.closed()
  })
  const { why, ms } = JSON.parse(line)
  expect(why).toMatchObject({ queued: true })
  expect(ms).toMatchObject({ body: 10, queue: 40, decision: 50 })
})

test('a proxy that fell back: where it was sent, and who answered', async () => {
  const pools = { 'default/qwen-pool': ['10.0.0.1:8000', '10.0.0.2:8000'] }
  const line = await lineOf({ world: { pools } }, ({ begin, body, answer, piece, conversation }) => {
    begin()
    body('{"model":"chat","messages":[]}')
    conversation.servedEndpoint('10.0.0.2:8000')
    answer(200)
    piece('', true)
    conversation.closed()
  })
  expect(JSON.parse(line)).toMatchObject({ endpoint: '10.0.0.2:8000', sentTo: '10.0.0.1:8000' })
})

describe('whatever a client sends', () => {
  const secret = 'TOP-SECRET'
  /** Any text, with what breaks lines and terminals, and the secret in the middle. */
  const hostile = fc
    .tuple(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constantFrom('\n', '\r\n', '\u2028', '\x1b[31m', '\u0085', '\0', '"', '\\'),
    )
    .map(([text, breaker]) => `${text}${breaker}`)

  test('it is one line of JSON without control characters, shorter than a pipe takes at once', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, hostile, hostile, async (model, path, id) => {
        const line = await lineOf({ headers: { [requestIdHeader]: id } }, ({ begin, body, conversation }) => {
          begin({ path: `/v1/chat/completions${path}` })
          body(JSON.stringify({ model, messages: [] }))
          conversation.closed()
        })
        expect(line.slice(0, -1)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/)
        expect(line.endsWith('\n')).toBe(true)
        expect(Buffer.byteLength(line)).toBeLessThan(lineLimits.maxBatchBytes)
        const { requestId, ...rest } = JSON.parse(line)
        expect(requestId === undefined || requestId === id).toBe(true)
        if (rest.model !== undefined) expect(rest.model.length).toBeLessThanOrEqual(maxTextLength)
      }),
      { numRuns: 200 },
    )
  })

  test('no header, no query and nothing of the body but the model is in the line', async () => {
    await fc.assert(
      fc.asyncProperty(
        hostile,
        fc.constantFrom(
          'authorization',
          'x-api-key',
          'cookie',
          'x-llm-d-inference-objective',
          'x-llm-d-inference-fairness-id',
          requestIdHeader,
        ),
        async (noise, name) => {
          const headers = { [name]: `${noise.slice(0, 20)} ${secret}` }
          const line = await lineOf({ headers }, ({ begin, body, answer, piece, conversation }) => {
            begin({ path: `/v1/chat/completions?api_key=${secret}` })
            body(
              JSON.stringify({
                model: 'chat',
                user: secret,
                messages: [{ role: 'user', content: `${noise}${secret}` }],
              }),
            )
            answer(200)
            piece(`data: {"choices":[{"delta":{"content":"${secret}"}}]}\n\n${done}`, true)
            conversation.closed()
          })
          expect(JSON.parse(line).outcome).toBe('answered')
          expect(line).not.toContain(secret)
        },
      ),
      { numRuns: 100 },
    )
  })
})

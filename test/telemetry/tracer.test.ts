import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
} from '@opentelemetry/sdk-trace'
import { describe, expect, test } from 'vitest'
import type { ConversationContext } from '../../src/extproc/conversation-context.ts'
import { maxPromptTextBytes } from '../../src/request/prompt-text.ts'
import { nothingScheduled } from '../../src/scheduling/plugin.ts'
import { observeEnds } from '../../src/telemetry/exchange-ends.ts'
import { Tracer } from '../../src/telemetry/tracer.ts'
import { createWorld, onePool, type WorldInput } from '../extproc/world.ts'
import { requestOf } from '../request/request-of.ts'
import { exchange, fullPool, playStream, streamBytes } from './exchange.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const clientSpan = '00f067aa0ba902b7'
const sampled = { traceparent: `00-${traceId}-${clientSpan}-01`, tracestate: 'vendor=value' }
const unsampled = { traceparent: `00-${traceId}-${clientSpan}-00` }

type Options = {
  readonly sampler?: Sampler
  readonly headers?: Readonly<Record<string, string>>
  readonly world?: WorldInput
  readonly context?: Partial<ConversationContext>
}

/** An exchange that is traced, the spans of it, and the context that its request went on with. */
function traced({ sampler = new AlwaysOnSampler(), headers = {}, world: input = {}, context = {} }: Options = {}) {
  const spans: ReadableSpan[] = []
  const world = createWorld({ ...onePool, ...input })
  const { clock } = world
  let spanIds = 0
  const ids = {
    generateTraceId: () => 'a'.repeat(32),
    generateSpanId: () => `${++spanIds}`.padStart(16, '0'),
  }
  const tracer = new Tracer({
    sampler,
    ids,
    resource: resourceFromAttributes({}),
    clock,
    export: (span) => spans.push(span),
  })
  const played = exchange({
    shared: world,
    headers,
    headerNames: ['traceparent', 'tracestate'],
    context: { ...context, beginTrace: (request) => void tracer.begin(request) },
    observer: observeEnds(
      () => clock.nowMs(),
      (ended) => tracer.end(ended),
    ),
  })
  return { played, spans, world }
}

const msOf = ([seconds, nanoseconds]: readonly number[]): number =>
  Math.round((seconds * 1e9 + nanoseconds) / 1e6 - 1_700_000_000_000)

/** `name start–end parent` */
const tree = (spans: readonly ReadableSpan[]): string[] =>
  spans.map(({ name, startTime, endTime, parentSpanContext, spanContext }) => {
    const parent = parentSpanContext === undefined ? 'root' : `below ${Number.parseInt(parentSpanContext.spanId, 16)}`
    return `${Number(spanContext().spanId)} ${name} ${msOf(startTime)}–${msOf(endTime)} ${parent}`
  })

test('a stream: the request and its decision, with the times that it had', async () => {
  const { played, spans } = traced()
  await playStream(played)
  expect(tree(spans)).toEqual(['1 chat chat 0–1000 root', '2 signalbox.decide 0–10 below 1'])
  expect(spans.map(({ status }) => status)).toEqual([{ code: 0 }, { code: 0 }])
  expect(spans[0].attributes).toEqual({
    'http.request.method': 'POST',
    'url.path': '/v1/chat/completions',
    'http.response.status_code': 200,
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'chat',
    'gen_ai.request.max_tokens': 64,
    'gen_ai.request.stream': true,
    'gen_ai.response.model': 'chat-large-v2',
    'gen_ai.response.time_to_first_chunk': 0.2,
    'gen_ai.usage.input_tokens': 7,
    'gen_ai.usage.output_tokens': 2,
    'gen_ai.usage.cache_read.input_tokens': 3,
    'server.address': '10.0.0.1',
    'server.port': 8000,
    'signalbox.outcome': 'answered',
    'signalbox.request.body_bytes': 100,
    'signalbox.request.held_bytes': 100,
    'signalbox.response.body_bytes': streamBytes,
  })
  expect(spans[1].attributes).toEqual({
    'signalbox.pool': 'default/qwen-pool',
    'signalbox.target.model': 'chat-large-v2',
    'signalbox.target.chosen_by': 'InferenceModel chat',
    'signalbox.priority': 0,
    'signalbox.endpoint.address': '10.0.0.1:8000',
    'signalbox.endpoint.name': '10.0.0.1:8000',
  })
})

test('the score of the endpoint that was chosen, and of the next one', async () => {
  const scores = [['10.0.0.9:8000', 1.5] as const, ['10.0.0.1:8000', 2.5] as const, ['10.0.0.8:8000', 0.5] as const]
  const scheduler = {
    schedule: (_: unknown, candidates: readonly never[]) => ({ ...nothingScheduled, endpoints: candidates, scores }),
  }
  const { played, spans } = traced({ world: { scheduler } })
  await playStream(played)
  expect(spans[1].attributes).toMatchObject({
    'signalbox.endpoint.candidates': 3,
    'signalbox.endpoint.score': 2.5,
    'signalbox.endpoint.next_score': 1.5,
  })
})

test('a request that waits has the wait below its decision', async () => {
  const { queues, letGo } = fullPool()
  const { played, spans, world } = traced({ world: { queues } })
  const { begin, body, conversation } = played
  begin()
  await world.clock.advance(10)
  body('{"model":"chat","messages":[]}')
  await world.clock.advance(40)
  letGo()
  world.context.scheduling.released('default/qwen-pool')
  await world.clock.advance(0)
  conversation.closed()
  expect(tree(spans)).toEqual([
    '1 chat chat 0–50 root',
    '2 signalbox.decide 0–50 below 1',
    '3 signalbox.queue 10–50 below 2',
  ])
})

test('a client that leaves the queue leaves the spans of its wait', async () => {
  const { played, spans, world } = traced({ world: { queues: fullPool().queues } })
  played.begin()
  played.body('{"model":"chat","messages":[]}')
  await world.clock.advance(40)
  played.conversation.closed()
  expect(tree(spans).map((line) => line.slice(2))).toEqual([
    'chat chat 0–40 root',
    'signalbox.decide 0–40 below 1',
    'signalbox.queue 0–40 below 2',
  ])
  expect(spans.map(({ status }) => status.message)).toEqual(['cut', 'cut', 'cut'])
})

test('a refusal: the request and its decision are errors with the code', async () => {
  const { played, spans } = traced()
  played.begin()
  played.body('{"messages":[]}')
  played.conversation.closed()
  expect(spans.map(({ name, status }) => [name, status])).toEqual([
    ['chat', { code: 2, message: 'model_missing' }],
    ['signalbox.decide', { code: 2, message: 'model_missing' }],
  ])
  expect(spans[0].attributes).toMatchObject({ 'error.type': 'model_missing', 'http.response.status_code': 400 })
})

test('an error of the model server is one of the request, not of the decision', () => {
  const { played, spans } = traced()
  const { begin, body, answer, piece, conversation } = played
  begin()
  body('{"model":"chat","messages":[]}')
  answer(503, 'application/json')
  piece('{}', true)
  conversation.closed()
  expect(spans.map(({ status }) => status)).toEqual([{ code: 2, message: '503' }, { code: 0 }])
  expect(spans[0].attributes['error.type']).toBe('503')
})

test('a path that the conventions have no name for is called by its method', () => {
  const { played, spans } = traced()
  played.begin({ path: '/healthz', hasBody: false })
  played.conversation.closed()
  expect(spans[0].name).toBe('GET')
  expect(spans[0].attributes['gen_ai.operation.name']).toBeUndefined()
})

describe('the trace of the client', () => {
  const parentBased = new ParentBasedSampler({ root: new AlwaysOnSampler() })

  /** Where a request with these headers gets in a trace. */
  function contextOf(headers: Readonly<Record<string, string>>, sampler: Sampler) {
    const ids = { generateTraceId: () => 'a'.repeat(32), generateSpanId: () => 'b'.repeat(16) }
    const clock = { nowMs: () => 0, epochMs: () => 0 }
    const tracer = new Tracer({ sampler, ids, resource: resourceFromAttributes({}), clock, export() {} })
    const { traceparent, tracestate } = headers
    return tracer.begin(
      requestOf({ headers: { ...(traceparent && { traceparent }), ...(tracestate && { tracestate }) } }),
    )
  }

  test.each([
    ['is continued', sampled, parentBased, `00-${traceId}-${'b'.repeat(16)}-01`],
    ['begins here where there is none', {}, parentBased, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`],
    ['begins here where it is broken', { traceparent: 'x' }, parentBased, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`],
    ['stays as it is where it is not recorded', unsampled, parentBased, undefined],
    ['is recorded where we shall', unsampled, new AlwaysOnSampler(), `00-${traceId}-${'b'.repeat(16)}-01`],
    ['is no more where we shall not', sampled, new AlwaysOffSampler(), `00-${traceId}-${'b'.repeat(16)}-00`],
    ['is not recorded by the server either', {}, new AlwaysOffSampler(), `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`],
    [
      'keeps the bit that says it is random',
      { traceparent: `00-${traceId}-${clientSpan}-ff` },
      parentBased,
      `00-${traceId}-${'b'.repeat(16)}-03`,
    ],
  ])('%s', (_, headers, sampler, traceparent) => {
    expect(contextOf(headers, sampler).traceparent).toBe(traceparent)
  })

  test('a tracestate that belongs to no trace does not go on', () => {
    expect(contextOf(sampled, parentBased)).toMatchObject({ tracestate: 'vendor=value', dropsTracestate: false })
    expect(contextOf({ tracestate: 'vendor=value' }, parentBased)).toMatchObject({
      tracestate: undefined,
      dropsTracestate: true,
    })
  })

  test('what is not recorded has no spans', async () => {
    const { played, spans } = traced({ headers: unsampled, sampler: parentBased })
    await playStream(played)
    expect(spans).toEqual([])
  })

  test('the client is the parent of the request', async () => {
    const { played, spans } = traced({ headers: sampled })
    await playStream(played)
    expect(spans[0].parentSpanContext).toEqual({ traceId, spanId: clientSpan, traceFlags: 1, isRemote: true })
    expect(spans.map((span) => span.spanContext().traceState?.serialize())).toEqual(['vendor=value', 'vendor=value'])
  })
})

describe('the prompt', () => {
  const prompts = (spans: readonly ReadableSpan[]) =>
    ['gen_ai.input.messages', 'signalbox.request.prompt_start'].map((name) => spans[0].attributes[name])

  test('is in no span unless it shall be', async () => {
    const { played, spans } = traced({ headers: { ...sampled, authorization: 'Bearer sk-secret' } })
    await playStream(played)
    expect(JSON.stringify(spans.map(({ name, attributes }) => ({ name, attributes })))).not.toMatch(
      /who are you|sk-secret/,
    )
  })

  test('is there in the form of the conventions where it shall be', async () => {
    const { played, spans } = traced({ context: { keepsPromptText: true } })
    await playStream(played)
    const [messages, start] = prompts(spans)
    expect(JSON.parse(String(messages))).toEqual([{ role: 'user', parts: [{ type: 'text', content: 'who are you?' }] }])
    expect(start).toBeUndefined()
  })

  test('that is longer than its limit is its beginning, as it was sent', () => {
    const { played, spans } = traced({ context: { keepsPromptText: true } })
    played.begin()
    played.body(`{"model":"chat","messages":[{"role":"user","content":"${'é'.repeat(100_000)}"}]}`)
    played.conversation.closed()
    const [messages, start] = prompts(spans)
    expect(messages).toBeUndefined()
    expect(start).toMatch(/^\[\{"role":"user","content":"é+$/)
    expect(Buffer.byteLength(String(start))).toBeGreaterThan(maxPromptTextBytes - 4)
    expect(Buffer.byteLength(String(start))).toBeLessThanOrEqual(maxPromptTextBytes)
  })
})

import { expect, test } from 'vitest'
import { Conversation } from '../../src/extproc/conversation.ts'
import { bodyMode } from '../../src/extproc/decode.ts'
import { type HeaderValues, slot } from '../../src/extproc/headers.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createWorld, onePool } from '../extproc/world.ts'
import { idle } from './requests.ts'
import { parsePage } from './text-format.ts'

const event = (data: object): Buffer => Buffer.from(`data: ${JSON.stringify(data)}\n\n`)
const token = (content: string): Buffer => event({ model: 'chat-large-v2', choices: [{ delta: { content } }] })

test('a whole exchange as a conversation tells of it', async () => {
  const world = createWorld(onePool)
  const metrics = createMetrics(idle, { emitsLlmdNames: false })
  const observer = { ...world.context.observer, ...metrics.conversationObserver }
  const sink = { write: () => true, run: (step: () => void) => step() }
  const conversation = new Conversation({ ...world.context, observer }, world.routing, undefined, sink as never)
  const headers: HeaderValues = []
  headers[slot.method] = 'POST'
  headers[slot.path] = '/v1/chat/completions'
  headers[slot.contentType] = 'application/json'

  conversation.protocolConfig({ requestBodyMode: bodyMode.fullDuplex, responseBodyMode: bodyMode.fullDuplex } as never)
  conversation.requestHeaders(headers, false)
  await world.clock.advance(20)
  const opening = Buffer.from('{"model":"chat","messages":[')
  conversation.requestBody(opening)
  conversation.requestBodyEnd(false)
  await world.clock.advance(30)
  conversation.requestBody(Buffer.from(']}'))
  conversation.requestBodyEnd(true)
  await world.clock.advance(50)
  const answer: HeaderValues = []
  answer[slot.status] = '200'
  answer[slot.contentType] = 'text/event-stream'
  conversation.responseHeaders(answer, false)
  await world.clock.advance(100)
  for (const word of ['a', 'b', 'c']) {
    conversation.responseBody(token(word))
    conversation.responseBodyEnd(false)
    await world.clock.advance(400)
  }
  conversation.responseBody(event({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 4 } }))
  conversation.responseBodyEnd(true)
  conversation.closed()

  const families = parsePage(await metrics.registry.metrics())
  const figures = (name: string) => {
    const samples = families.get(name)!.samples.filter((sample) => !sample.name.endsWith('_bucket'))
    return samples.map(({ labels, value }) => `${Object.values(labels)}: ${Number(value.toFixed(6))}`)
  }
  expect(figures('signalbox_requests_total')).toEqual(['routed: 1'])
  expect(figures('bbr_success_total')).toEqual([': 1'])
  expect(figures('signalbox_early_decisions_total')).toEqual([': 1'])
  expect(figures('signalbox_request_held_bytes')).toEqual([`: ${opening.length}`, ': 1'])
  expect(figures('signalbox_phase_duration_seconds')).toEqual([
    ...['decision: 0.02', 'decision: 1', 'body: 0.02', 'body: 1', 'first_byte: 0.08', 'first_byte: 1'],
  ])
  expect(figures('inference_objective_request_total')).toEqual(['chat,chat-large-v2,0: 1'])
  expect(figures('inference_objective_running_requests')).toEqual(['chat: 0'])
  expect(figures('inference_objective_request_sizes')[0]).toBe(`chat,chat-large-v2: ${opening.length + 2}`)
  expect(figures('inference_objective_request_duration_seconds')[0]).toBe('chat,chat-large-v2: 1.4')
  expect(figures('inference_objective_request_ttft_seconds')[0]).toBe('chat,chat-large-v2: 0.2')
  expect(figures('inference_objective_request_tpot_seconds')[0]).toBe('chat,chat-large-v2: 0.4')
  expect(figures('inference_objective_input_tokens')[0]).toBe('chat,chat-large-v2: 7')
  expect(figures('inference_objective_output_tokens')[0]).toBe('chat,chat-large-v2: 4')
  expect(figures('gen_ai_server_request_duration_seconds')[0]).toBe('chat,openai,chat,chat-large-v2: 1.4')
  expect(figures('inference_extension_scheduler_attempts_total')).toEqual([
    'success,chat-large-v2,10.0.0.1:8000,default,8000: 1',
  ])
})

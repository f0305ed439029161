import { describe, expect, test } from 'vitest'
import { splitsOf } from '../../src/catalog/splits.ts'
import { Conversation } from '../../src/extproc/conversation.ts'
import { bodyMode } from '../../src/extproc/decode.ts'
import { type HeaderValues, slot } from '../../src/extproc/headers.ts'
import { buckets } from '../../src/telemetry/buckets.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createWorld, type WorldInput } from '../extproc/world.ts'
import type { RuleInput } from '../request/catalog-of.ts'
import { idle } from './requests.ts'
import { parsePage } from './text-format.ts'

const resource = 'InferenceModel default/llama'

/** Half of the requests go to the target `v2`, which is rolled out. */
const split: RuleInput = {
  pool: 'default/pool',
  targets: { v1: 50, v2: 50 },
  rollout: {
    resource,
    target: 'v2',
    plan: undefined,
    weightPercent: 50,
    phase: 'Progressing',
    step: 0,
    message: undefined,
  },
}
const pools = { 'default/pool': ['10.0.0.1:8000'] }

const event = (data: object): Buffer => Buffer.from(`data: ${JSON.stringify(data)}\n\n`)
const token = (content: string): Buffer => event({ choices: [{ delta: { content } }] })
const done = Buffer.from('data: [DONE]\n\n')
const json = (completionTokens: number): Buffer =>
  Buffer.from(JSON.stringify({ choices: [{ finish_reason: 'stop' }], usage: { completion_tokens: completionTokens } }))

const streamType = 'text/event-stream'
const jsonType = 'application/json'

/** Milliseconds that pass, a piece of the answer's body, or something to do meanwhile. */
type Step = number | Buffer | (() => Promise<void>)

type Answer = {
  readonly status?: number
  readonly contentType?: string
  readonly steps: readonly Step[]
  /** The last piece ends the answer; else the stream closes without an end. */
  readonly isEnded?: boolean
}

function createSite(input: Partial<WorldInput> = {}, responseBodyMode: number = bodyMode.streamed) {
  const world = createWorld({
    pools,
    models: { llama: split, plain: { pool: 'default/pool', targets: { v1: 1 } } },
    ...input,
  })
  const splits = () => splitsOf(world.routing.catalog)
  const metrics = createMetrics({ ...idle, splits }, { emitsLlmdNames: false })
  const observer = { ...world.context.observer, ...metrics.conversationObserver }
  const sink = { write: () => true, run: (step: () => void) => step() } as never

  /** @param body which the request goes on after; without one it has a whole body */
  const open = (model: string, draw: number, body?: string): Conversation => {
    const conversation = new Conversation(
      { ...world.context, observer, random: () => draw },
      world.routing,
      undefined,
      sink,
    )
    conversation.protocolConfig({ requestBodyMode: bodyMode.fullDuplex, responseBodyMode } as never)
    const headers: HeaderValues = []
    headers[slot.method] = 'POST'
    headers[slot.path] = '/v1/chat/completions'
    headers[slot.contentType] = jsonType
    conversation.requestHeaders(headers, false)
    conversation.requestBody(Buffer.from(body ?? `{"model":"${model}","messages":[]}`))
    conversation.requestBodyEnd(body === undefined)
    return conversation
  }

  const answer = async (conversation: Conversation, given: Answer): Promise<void> => {
    const { status = 200, contentType = streamType, steps, isEnded = true } = given
    const headers: HeaderValues = []
    headers[slot.status] = String(status)
    headers[slot.contentType] = contentType
    await world.clock.advance(100)
    conversation.responseHeaders(headers, false)
    for (const step of steps) {
      if (typeof step === 'number') await world.clock.advance(step)
      else if (typeof step === 'function') await step()
      else {
        conversation.responseBody(step)
        conversation.responseBodyEnd(false)
      }
    }
    if (isEnded) conversation.responseBodyEnd(true)
    conversation.closed()
  }

  return {
    open,
    answer,
    /** A request for `model` that draws its target by `draw`, and its answer 100 ms later. */
    exchange: (given: Answer, draw = 0.9, model = 'llama') => answer(open(model, draw), given),
    /** `labels: value` of the samples of a metric, without its buckets. */
    async figures(name: string): Promise<string[]> {
      const samples = parsePage(await metrics.registry.metrics()).get(name)!.samples
      return samples
        .filter((sample) => !sample.name.endsWith('_bucket'))
        .map(({ labels, value }) => `${Object.values(labels)}: ${Number(value.toFixed(6))}`)
    },
  }
}

const requests = 'signalbox_target_requests_total'
const ttft = 'signalbox_target_ttft_seconds'
const tokens = 'signalbox_target_output_tokens_total'
const seconds = 'signalbox_target_output_seconds_total'
const perToken = 'signalbox_target_token_seconds'

const counted = (target: string, ok: number, error: number, cut: number) => [
  `${resource},${target},ok: ${ok}`,
  `${resource},${target},error: ${error}`,
  `${resource},${target},cut: ${cut}`,
]

describe('while a target is rolled out', () => {
  test('each target has its requests, its times and its tokens', async () => {
    const { exchange, figures } = createSite()
    const usage = event({ choices: [], usage: { completion_tokens: 20 } })
    await exchange({ steps: [50, token('a'), 400, token('b'), usage, done] }, 0.1)
    await exchange({ contentType: jsonType, steps: [700, json(8)] }, 0.9)
    expect(await figures(requests)).toEqual([...counted('v1', 1, 0, 0), ...counted('v2', 1, 0, 0)])
    // Of a stream to its first token, of a whole answer to its end.
    expect(await figures(ttft)).toEqual([
      ...[`${resource},v1: 0.15`, `${resource},v1: 1`],
      ...[`${resource},v2: 0.8`, `${resource},v2: 1`],
    ])
    expect(await figures(tokens)).toEqual([`${resource},v1: 20`, `${resource},v2: 8`])
    expect(await figures(seconds)).toEqual([`${resource},v1: 0.4`, `${resource},v2: 0.8`])
    expect(await figures(perToken)).toEqual([
      ...[`${resource},v1: 0.02`, `${resource},v1: 1`],
      ...[`${resource},v2: 0.1`, `${resource},v2: 1`],
    ])
  })

  test('a first token counts when it comes, not when its stream ends', async () => {
    const { open, answer, figures } = createSite()
    const conversation = open('llama', 0.9)
    let atFirstToken: readonly string[] = []
    const look = async () => {
      atFirstToken = [...(await figures(ttft)), ...(await figures(requests))]
    }
    await answer(conversation, { steps: [50, token('a'), look, 400, token('b'), done] })
    expect(atFirstToken).toEqual([`${resource},v2: 0.15`, `${resource},v2: 1`, ...counted('v2', 0, 0, 0)])
    expect(await figures(ttft)).toEqual([`${resource},v2: 0.15`, `${resource},v2: 1`])
    expect(await figures(requests)).toEqual(counted('v2', 1, 0, 0))
  })

  test.each([200, 302, 400, 401, 422])(
    'status %d is ok: the target did what it was asked, or the client was wrong',
    async (status) => {
      const { exchange, figures } = createSite()
      await exchange({ status, contentType: jsonType, steps: [json(1)] })
      expect(await figures(requests)).toEqual(counted('v2', 1, 0, 0))
    },
  )

  test.each([404, 429, 500, 502, 503, 504])('status %d is an error, and its time says nothing', async (status) => {
    const { exchange, figures } = createSite()
    await exchange({ status, contentType: jsonType, steps: [json(1)] })
    expect(await figures(requests)).toEqual(counted('v2', 0, 1, 0))
    expect(await figures(ttft)).toEqual([])
    expect(await figures(tokens)).toEqual([`${resource},v2: 0`])
  })

  test.each<[string, Answer]>([
    ['a stream that is reset', { steps: [token('a')], isEnded: false }],
    ['a stream that ends without saying so', { steps: [token('a'), token('b')] }],
    ['a document that is not complete', { contentType: jsonType, steps: [Buffer.from('{"choices":[')] }],
    ['headers and nothing after them', { steps: [], isEnded: false }],
  ])('%s is cut', async (_, given) => {
    const { exchange, figures } = createSite()
    await exchange(given)
    expect(await figures(requests)).toEqual(counted('v2', 0, 0, 1))
  })

  test('a client that leaves before there is an answer is cut', async () => {
    const { open, figures } = createSite()
    open('llama', 0.9).closed()
    expect(await figures(requests)).toEqual(counted('v2', 0, 0, 1))
  })

  test('what finishes by a reason alone is whole', async () => {
    const { exchange, figures } = createSite()
    await exchange({ steps: [token('a'), event({ choices: [{ delta: {}, finish_reason: 'stop' }] })] })
    expect(await figures(requests)).toEqual(counted('v2', 1, 0, 0))
  })

  test('a body that is not read ends as it ends', async () => {
    const { exchange, figures } = createSite()
    await exchange({ contentType: 'audio/mpeg', steps: [300, Buffer.from('…')] })
    expect(await figures(requests)).toEqual(counted('v2', 1, 0, 0))
    expect(await figures(ttft)).toEqual([`${resource},v2: 0.4`, `${resource},v2: 1`])
  })

  test('where no bodies of answers are shown, the status alone tells', async () => {
    const { open, figures } = createSite({}, bodyMode.none)
    for (const status of ['200', '500']) {
      const conversation = open('llama', 0.9)
      const headers: HeaderValues = []
      headers[slot.status] = status
      conversation.responseHeaders(headers, false)
      conversation.closed()
    }
    expect(await figures(requests)).toEqual(counted('v2', 1, 1, 0))
    expect(await figures(ttft)).toEqual([])
  })

  test('requests that Envoy goes on with when this process ends are not cut', async () => {
    const { open, figures } = createSite()
    const [unanswered, answered] = [open('llama', 0.9), open('llama', 0.9)]
    const headers: HeaderValues = []
    headers[slot.status] = '200'
    answered.responseHeaders(headers, false)
    for (const conversation of [unanswered, answered]) {
      conversation.leave()
      conversation.closed()
    }
    // Of the first nothing is known.
    expect(await figures(requests)).toEqual(counted('v2', 1, 0, 0))
  })

  test('a target that no server is there for is an error of it', async () => {
    const { open, figures } = createSite({ pools: { 'default/pool': [] } })
    open('llama', 0.9).closed()
    expect(await figures(requests)).toEqual(counted('v2', 0, 1, 0))
  })

  test('a client that is refused for its body, after the decision, says nothing of the target', async () => {
    const { open, figures } = createSite({ limits: { maxBodyBytes: 60 } })
    const conversation = open('llama', 0.9, '{"model":"llama","messages":[')
    expect(await figures(requests)).toEqual(counted('v2', 0, 0, 0))
    conversation.requestBody(Buffer.alloc(60, ' '))
    expect(await figures('signalbox_requests_total')).toEqual(['routed: 1', 'body_too_large: 1'])
    conversation.closed()
    expect(await figures(requests)).toEqual(counted('v2', 0, 0, 0))
  })

  test('its weights are told, also before the first request', async () => {
    const { figures } = createSite()
    expect(await figures('signalbox_target_weight_ratio')).toEqual([`${resource},v1: 0.5`, `${resource},v2: 0.5`])
  })

  test('a resource without a plan is not counted', async () => {
    const { exchange, figures } = createSite()
    await exchange({ steps: [token('a'), done] }, 0.9, 'plain')
    for (const name of [requests, ttft, tokens, seconds, perToken]) expect(await figures(name)).toEqual([])
  })
})

test.each([
  ['the time to the first token', buckets.target.ttftSeconds, 0.005, 120],
  ['the time for a token', buckets.target.tokenSeconds, 0.0005, 5],
])('buckets of %s are fine enough to tell a quantile to a tenth', (_, bounds, first, last) => {
  expect([bounds[0], bounds.at(-1)]).toEqual([first, last])
  for (let i = 1; i < bounds.length; i += 1) {
    expect(bounds[i]).toBeGreaterThan(bounds[i - 1])
    expect(bounds[i] / bounds[i - 1]).toBeLessThan(1.101)
  }
})

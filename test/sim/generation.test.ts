import { expect, test, vi } from 'vitest'
import { ManualClock } from '../pool/manual-clock.ts'
import { chat, eventsOf, post, send, startTestSim } from './http.ts'

const latency = { ttftMs: 100, itlMs: 10 }

async function startTimed(options: Parameters<typeof startTestSim>[0] = {}) {
  const clock = new ManualClock()
  const sim = await startTestSim({ clock, settings: { latency, tokens: 5 }, ...options })
  return { clock, sim }
}

test('a whole answer takes the time to its first token and of all the others', async () => {
  const { clock, sim } = await startTimed()
  let status: number | undefined
  const pending = post(sim).then((answer) => (status = answer.status))
  await clock.untilPending(1)
  await clock.advance(139)
  expect(clock.pendingTimers).toBe(1)
  expect(status).toBeUndefined()
  await clock.advance(1)
  expect(await pending).toBe(200)
  expect(clock.pendingTimers).toBe(0)
})

test('a stream sends its headers at once and each token when it is made', async () => {
  const { clock, sim } = await startTimed()
  let seen = ''
  const pending = send(sim, '/v1/completions', {
    body: '{"prompt": "x", "stream": true}',
    onPiece: (text) => (seen = text),
  })
  const events = () => seen.split('\n\n').length - 1
  await clock.untilPending(1)
  await clock.advance(99)
  expect(events()).toBe(0)
  await clock.advance(1)
  for (let tokens = 1; tokens < 5; tokens++) {
    await vi.waitFor(() => expect(events()).toBe(tokens))
    expect(clock.pendingTimers).toBe(1)
    await clock.advance(10)
  }
  const answer = await pending
  expect(eventsOf(answer.text)).toHaveLength(5 + 1 + 1)
  expect(clock.nowMs()).toBe(140)
})

test('a long prompt makes the first token later', async () => {
  const { clock, sim } = await startTimed({ settings: { latency: { promptTokenMs: 2 } } })
  const pending = post(sim, chat({ messages: [{ role: 'user', content: 'x'.repeat(400) }] }))
  await clock.untilPending(1)
  await clock.advance(199)
  expect(clock.pendingTimers).toBe(1)
  await clock.advance(1)
  expect((await pending).status).toBe(200)
})

test('beyond max-num-seqs requests wait, the metrics say so, and the queue drains in order', async () => {
  const { clock, sim } = await startTimed({ maxNumSeqs: 2 })
  const answered: number[] = []
  const pending = []
  for (let request = 0; request < 5; request++) {
    pending.push(post(sim).then(() => answered.push(request)))
    await vi.waitFor(() => expect(sim.metrics().running + sim.metrics().waiting).toBe(request + 1))
  }
  expect(sim.metrics()).toMatchObject({ running: 2, waiting: 3 })
  const page = (await send(sim, '/metrics', { method: 'GET' })).text
  expect(page).toContain('vllm:num_requests_running{engine="0",model_name="qwen"} 2\n')
  expect(page).toContain('vllm:num_requests_waiting{engine="0",model_name="qwen"} 3\n')

  for (const left of [1, 0]) {
    await clock.advance(140)
    await vi.waitFor(() => expect(sim.metrics().waiting).toBe(left))
  }
  await clock.advance(140)
  await Promise.all(pending)
  expect(answered.sort()).toEqual([0, 1, 2, 3, 4])
  expect(clock.nowMs()).toBe(3 * 140)
  expect(sim.metrics()).toMatchObject({ running: 0, waiting: 0, finished: { stop: 5 }, generationTokens: 25 })
})

test('adapters beyond max-loras wait, and the metrics name them', async () => {
  const { clock, sim } = await startTimed({ adapters: ['v1', 'v2'], maxLoras: 1 })
  const first = post(sim, chat({ model: 'v1' }))
  await vi.waitFor(() => expect(sim.metrics().runningAdapters).toEqual(['v1']))
  const second = post(sim, chat({ model: 'v2' }))
  await vi.waitFor(() => expect(sim.metrics().waitingAdapters).toEqual(['v2']))
  const page = (await send(sim, '/metrics', { method: 'GET' })).text
  expect(page).toContain('max_lora="1",running_lora_adapters="v1",waiting_lora_adapters="v2"')
  await clock.advance(140)
  expect((await first).status).toBe(200)
  await vi.waitFor(() => expect(sim.metrics()).toMatchObject({ runningAdapters: ['v2'], waitingAdapters: [] }))
  await clock.advance(140)
  expect(JSON.parse((await second).text).model).toBe('v2')
})

test('the KV cache fills with prompt and answer, and empties with the end of the request', async () => {
  const { clock, sim } = await startTimed({ kvBlocks: 100, settings: { latency, tokens: 33 } })
  const pending = post(sim, chat({ messages: [{ role: 'user', content: 'x'.repeat(4 * 160) }] }))
  await clock.untilPending(1)
  expect(sim.metrics().kvUsage).toBe(0.1)
  await clock.advance(100 + 320 - 1)
  expect(sim.metrics().kvUsage).toBe(0.12)
  await clock.advance(1)
  await pending
  expect(sim.metrics().kvUsage).toBe(0)
})

test('the histograms hold the times from arrival, with the wait in the queue', async () => {
  const { clock, sim } = await startTimed({ maxNumSeqs: 1 })
  const pending = [post(sim)]
  await clock.untilPending(1)
  pending.push(post(sim))
  await vi.waitFor(() => expect(sim.metrics().waiting).toBe(1))
  await clock.advance(280)
  await Promise.all(pending)
  const page = (await send(sim, '/metrics', { method: 'GET' })).text
  const sample = (name: string) => Number(new RegExp(`^vllm:${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(page)?.[1])
  expect(sample('time_to_first_token_seconds_sum')).toBeCloseTo(0.1 + 0.24)
  expect(sample('e2e_request_latency_seconds_sum')).toBeCloseTo(0.14 + 0.28)
})

test('a client that goes away in the queue, before or within its answer frees its place', async () => {
  const { clock, sim } = await startTimed({ maxNumSeqs: 1 })
  const [running, queued] = [new AbortController(), new AbortController()]
  const path = '/v1/chat/completions'
  const first = send(sim, path, { body: chat({ stream: true }), signal: running.signal }).catch(() => {})
  await clock.untilPending(1)
  const second = send(sim, path, { body: chat(), signal: queued.signal }).catch(() => {})
  await vi.waitFor(() => expect(sim.metrics()).toMatchObject({ running: 1, waiting: 1 }))
  queued.abort()
  await vi.waitFor(() => expect(sim.metrics()).toMatchObject({ running: 1, waiting: 0 }))
  await clock.advance(110)
  running.abort()
  await vi.waitFor(() => expect(sim.metrics()).toMatchObject({ running: 0, finished: { abort: 2 } }))
  expect(sim.metrics().generationTokens).toBe(2)
  expect(clock.pendingTimers).toBe(0)
  await Promise.all([first, second])
})

test('what the cache has of a prompt makes the first token earlier, and usage and metrics say so', async () => {
  const { clock, sim } = await startTimed({ settings: { latency: { promptTokenMs: 1 }, tokens: 1 } })
  const beginning = 'x'.repeat(4 * 64)
  const ask = (text: string) => post(sim, chat({ messages: [{ role: 'user', content: beginning + text }] }))
  const first = ask('a'.repeat(4 * 16))
  await clock.untilPending(1)
  await clock.advance(80)
  expect(JSON.parse((await first).text).usage).toMatchObject({
    prompt_tokens: 80,
    prompt_tokens_details: { cached_tokens: 0 },
  })
  const second = ask('b'.repeat(4 * 16))
  await clock.untilPending(1)
  await clock.advance(15)
  expect(clock.pendingTimers).toBe(1)
  await clock.advance(1)
  expect(JSON.parse((await second).text).usage).toMatchObject({
    prompt_tokens: 80,
    prompt_tokens_details: { cached_tokens: 64 },
  })
  expect(sim.metrics()).toMatchObject({ promptTokens: 160, cachedTokens: 64 })
})

test('adapters share no cache with each other or the base model', async () => {
  const sim = await startTestSim({ adapters: ['v1', 'v2'] })
  const prompt = 'x'.repeat(4 * 64)
  const cached = async (model: string) =>
    JSON.parse((await send(sim, '/v1/responses', { body: JSON.stringify({ model, input: prompt }) })).text).usage
      .input_tokens_details.cached_tokens
  expect([await cached('qwen'), await cached('v1'), await cached('v2'), await cached('v1')]).toEqual([0, 0, 0, 48])
})

test('without prefix caching every prompt is processed whole', async () => {
  const sim = await startTestSim({ prefixCaching: false })
  const body = JSON.stringify({ prompt: 'x'.repeat(4 * 64) })
  await send(sim, '/v1/completions', { body })
  const { usage } = JSON.parse((await send(sim, '/v1/completions', { body })).text)
  expect(usage.prompt_tokens_details).toEqual({ cached_tokens: 0 })
})

test('a request for an adapter that is not loaded waits until it is', async () => {
  const { clock, sim } = await startTimed({
    adapters: ['v1'],
    settings: { latency: { ttftMs: 100, adapterLoadMs: 400 }, tokens: 1 },
  })
  for (const waitsMs of [500, 100]) {
    const pending = post(sim, chat({ model: 'v1' }))
    await clock.untilPending(1)
    await clock.advance(waitsMs - 1)
    expect(clock.pendingTimers).toBe(1)
    await clock.advance(1)
    expect((await pending).status).toBe(200)
  }
})

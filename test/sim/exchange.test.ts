import { createHash, randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { describe, expect, test, vi } from 'vitest'
import type { JournalEntry } from '../../src/sim/journal.ts'
import { ManualClock } from '../pool/manual-clock.ts'
import { chat, post, send, startTestSim } from './http.ts'

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex')

describe('errors', () => {
  test.each([
    ['not JSON', '{"model": "qwen",', 400, null, /not a JSON object/],
    ['no object', '[]', 400, null, /not a JSON object/],
    ['empty', '', 400, null, /not a JSON object/],
    ['a model that is no string', chat({ model: 5 }), 400, 'model', /model must be a string/],
    ['no messages', '{"model": "qwen"}', 400, 'messages', /messages must be array/],
    ['messages that are no list', chat({ messages: 'hi' }), 400, 'messages', /messages must be array/],
    ['a limit that is none', chat({ max_tokens: 0 }), 400, 'max_tokens', /max_tokens must be a positive integer/],
    ['an unknown model', chat({ model: 'nope' }), 404, 'model', /The model `nope` does not exist\./],
    ['a model in another case', chat({ model: 'Qwen' }), 404, 'model', /The model `Qwen` does not exist\./],
  ])('%s', async (_, body, status, param, message) => {
    const answer = await post(await startTestSim(), body)
    expect(answer.status).toBe(status)
    expect(answer.headers['x-sim-server']).toBe('qwen-1')
    expect(JSON.parse(answer.text).error).toEqual({
      message: expect.stringMatching(message),
      type: status === 404 ? 'NotFoundError' : 'BadRequestError',
      param,
      code: status === 404 ? 'model_not_found' : 400,
    })
  })

  test('paths and methods that vLLM does not have', async () => {
    const sim = await startTestSim()
    expect(await send(sim, '/v1/nothing', { body: chat() })).toMatchObject({
      status: 404,
      text: '{"detail":"Not Found"}',
    })
    expect((await send(sim, '/v1/chat/completions', { method: 'GET' })).status).toBe(405)
    expect((await send(sim, '/v1/models')).status).toBe(405)
  })

  test('deeply nested bodies are answered like any other', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    const answer = await post(await startTestSim(), `{"messages": ${deep}}`)
    expect(answer.status).toBe(200)
  })

  test('a body over the limit: by its content-length, and by its bytes', async () => {
    const sim = await startTestSim({ maxBodyBytes: 1000 })
    const fits = chat().padEnd(1000)
    expect((await post(sim, fits)).status).toBe(200)
    const declared = await post(sim, `${fits} `)
    expect(declared.status).toBe(413)
    expect(JSON.parse(declared.text).error.message).toBe('The body is over 1000 bytes.')
    const chunked = await post(sim, `${fits} `, { 'transfer-encoding': 'chunked' })
    expect(chunked.status).toBe(413)
    expect((await post(sim, fits, { 'transfer-encoding': 'chunked' })).status).toBe(200)
  })
})

test('models: the base model, and adapters with it as their parent', async () => {
  const sim = await startTestSim({ adapters: ['v1'], clock: new ManualClock() })
  const { data, object } = JSON.parse((await send(sim, '/v1/models', { method: 'GET' })).text)
  expect(object).toBe('list')
  const common = { object: 'model', created: 1_700_000_000, owned_by: 'vllm' }
  expect(data).toEqual([
    { id: 'qwen', root: 'qwen', parent: null, ...common },
    { id: 'v1', root: 'v1', parent: 'qwen', ...common },
  ])
})

describe('echo', () => {
  test('of a body: the same bytes, on any path, JSON or not', async () => {
    const sim = await startTestSim()
    const bytes = randomBytes(300_000)
    const binary = await send(sim, '/anything', { body: bytes, headers: { 'x-sim-echo': 'body' } })
    expect(Buffer.concat(binary.pieces).equals(bytes)).toBe(true)
    expect(binary.headers['content-type']).toBe('application/octet-stream')
    const json = await post(sim, '{ "model":"nope" }', { 'x-sim-echo': 'body' })
    expect(json).toMatchObject({ status: 200, text: '{ "model":"nope" }' })
    expect(json.headers['content-type']).toBe('application/json')
  })

  test('of a request', async () => {
    const sim = await startTestSim()
    const answer = await send(sim, '/v1/x?y=1', {
      method: 'PUT',
      body: 'abc',
      headers: { 'X-Sim-Echo': 'request', a: 'b' },
    })
    expect(JSON.parse(answer.text)).toEqual({
      server: 'qwen-1',
      method: 'PUT',
      path: '/v1/x?y=1',
      headers: expect.objectContaining({ a: 'b', 'x-sim-echo': 'request' }),
      bodyBytes: 3,
      bodySha256: sha256('abc'),
    })
  })

  test('of something else is refused', async () => {
    const answer = await post(await startTestSim(), chat(), { 'x-sim-echo': 'all' })
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('x-sim-echo')
  })
})

describe('journal', () => {
  test('a request as it arrived', async () => {
    const over: JournalEntry[] = []
    const sim = await startTestSim({ onRequest: (entry) => over.push(entry) })
    const body = chat({ model: 'nope' })
    await send(sim, '/v1/chat/completions?debug=1', { body, headers: { 'X-Gateway-Model-Name': 'qwen' } })
    await vi.waitFor(() => expect(over).toHaveLength(1))
    const [entry] = sim.journal.entries()
    expect(entry).toBe(over[0])
    expect(entry).toMatchObject({
      number: 1,
      method: 'POST',
      path: '/v1/chat/completions?debug=1',
      model: 'nope',
      status: 404,
      bodyBytes: body.length,
      bodySha256: sha256(body),
    })
    expect(entry.headers['x-gateway-model-name']).toBe('qwen')
    expect(entry.body.toString()).toBe(body)
    const times = [0, entry.headersMs, entry.firstByteMs!, entry.endMs!, entry.closedMs!]
    expect(times).toEqual([...times].sort((a, b) => a - b))
  })

  test('a large body: answered, hashed as a whole, kept in part, with its arrivals', async () => {
    const sim = await startTestSim({ journal: { maxEntries: 10, maxBodyBytes: 100 } })
    const body = chat({ messages: [{ role: 'user', content: 'é'.repeat(11 * 1024 * 1024) }] })
    const answer = await post(sim, body)
    expect(JSON.parse(answer.text)).toMatchObject({ object: 'chat.completion', model: 'qwen' })
    const [entry] = sim.journal.entries()
    expect(entry.bodyBytes).toBe(Buffer.byteLength(body))
    expect(entry.bodyBytes).toBeGreaterThan(22 * 1024 * 1024)
    expect(entry.bodySha256).toBe(sha256(body))
    expect(entry.body).toEqual(Buffer.from(body).subarray(0, 100))
    expect(entry.arrivals.length).toBeGreaterThan(10)
    expect(entry.arrivals.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(entry.bodyBytes)
  })

  test('arrivals tell when each part of a slow body came', async () => {
    const clock = new ManualClock()
    const sim = await startTestSim({ clock })
    const outgoing = request(`${sim.url}/v1/chat/completions`, { method: 'POST', headers: { 'x-sim-echo': 'request' } })
    const ended = new Promise((resolve) => outgoing.on('response', (incoming) => incoming.resume().on('end', resolve)))
    outgoing.flushHeaders()
    await vi.waitFor(() => expect(sim.journal.count).toBe(1))
    for (const part of ['ab', 'cde']) {
      await clock.advance(1000)
      outgoing.write(part)
      await vi.waitFor(() => expect(sim.journal.entries()[0].arrivals.at(-1)?.bytes).toBe(part.length))
    }
    expect(sim.journal.entries()[0]).toMatchObject({ endMs: undefined, bodySha256: undefined })
    await clock.advance(1000)
    outgoing.end()
    await ended
    expect(sim.journal.entries()[0]).toMatchObject({
      headersMs: 0,
      firstByteMs: 1000,
      endMs: 3000,
      arrivals: [
        { atMs: 1000, bytes: 2 },
        { atMs: 2000, bytes: 3 },
      ],
    })
  })

  test('a client that breaks off in its body leaves an entry without an end', async () => {
    const sim = await startTestSim()
    const outgoing = request(`${sim.url}/v1/chat/completions`, { method: 'POST' }).on('error', () => {})
    outgoing.write('{"model"')
    await vi.waitFor(() => expect(sim.journal.entries()[0]?.bodyBytes).toBe(8))
    outgoing.destroy()
    await vi.waitFor(() => expect(sim.journal.entries()[0].closedMs).toBeDefined())
    expect(sim.journal.entries()[0]).toMatchObject({ endMs: undefined, status: undefined, bodySha256: undefined })
  })

  test('keeps the last ones, counts all, and forgets on request', async () => {
    const sim = await startTestSim({ journal: { maxEntries: 3, maxBodyBytes: 10 } })
    for (let request = 0; request < 8; request++) await post(sim)
    expect(sim.journal.entries().map(({ number }) => number)).toEqual([6, 7, 8])
    expect(sim.journal.count).toBe(8)
    sim.journal.clear()
    expect(sim.journal.entries()).toEqual([])
    await post(sim)
    expect(sim.journal.entries().map(({ number }) => number)).toEqual([9])
  })
})

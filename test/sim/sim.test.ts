import { Agent, request } from 'node:http'
import { describe, expect, test, vi } from 'vitest'
import { startSim } from '../../src/sim/sim.ts'
import { ManualClock } from '../pool/manual-clock.ts'
import { chat, post, send, startTestSim } from './http.ts'

const config = (sim: Parameters<typeof send>[0], body: string) => send(sim, '/sim/config', { body })

test('it says where it listens; its name comes from model and port', async () => {
  const sim = await startSim({ model: 'qwen', host: '127.0.0.2' })
  try {
    expect(sim).toMatchObject({ address: '127.0.0.2', name: `qwen-${sim.port}`, url: `http://127.0.0.2:${sim.port}` })
    expect((await send(sim, '/health', { method: 'GET' })).headers['x-sim-server']).toBe(sim.name)
  } finally {
    await sim.close()
  }
})

test('many servers in one process know nothing of each other', async () => {
  const sims = await Promise.all(Array.from({ length: 20 }, (_, index) => startTestSim({ name: `qwen-${index}` })))
  await Promise.all(sims.map((sim) => post(sim)))
  await post(sims[3])
  expect(sims.map(({ journal }) => journal.count)).toEqual(sims.map((_, index) => (index === 3 ? 2 : 1)))
  expect(new Set(sims.map(({ port }) => port)).size).toBe(20)
})

test('a port that is taken, and settings or names out of bounds, are errors at the start', async () => {
  const { port } = await startTestSim()
  await expect(startSim({ model: 'qwen', port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await expect(startSim({ model: 'qwen', settings: { tokens: 0 } })).rejects.toThrow(/^tokens: /)
  await expect(startSim({ model: 'qwen', name: 'qwen\n1' })).rejects.toThrow(/x-sim-server/)
})

describe('pages', () => {
  test('health, version and metrics', async () => {
    const sim = await startTestSim()
    const get = (path: string) => send(sim, path, { method: 'GET' })
    expect(await get('/health')).toMatchObject({ status: 200, text: '' })
    expect(await get('/version')).toMatchObject({ status: 200, text: '{"version":"signalbox-sim"}' })
    const metrics = await get('/metrics')
    expect(metrics.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(metrics.text).toContain('# TYPE vllm:num_requests_running gauge')
    expect((await send(sim, '/health', { method: 'HEAD' })).status).toBe(200)
    expect((await send(sim, '/metrics')).status).toBe(405)
  })

  test('the journal, without the pages themselves; as text, or base64 where it is none', async () => {
    const sim = await startTestSim()
    await send(sim, '/metrics', { method: 'GET' })
    await send(sim, '/a', { body: 'é' })
    await send(sim, '/b', { body: Buffer.from([0xff, 0x00]) })
    const { server, count, requests } = JSON.parse((await send(sim, '/sim/requests', { method: 'GET' })).text)
    expect([server, count]).toEqual(['qwen-1', 2])
    expect(requests).toMatchObject([
      { number: 1, path: '/a', bodyBytes: 2, body: 'é', bodyEncoding: 'utf-8' },
      { number: 2, path: '/b', bodyBytes: 2, body: '/wA=', bodyEncoding: 'base64' },
    ])
    expect((await send(sim, '/sim/requests', { method: 'DELETE' })).status).toBe(204)
    expect(JSON.parse((await send(sim, '/sim/requests', { method: 'GET' })).text).requests).toEqual([])
  })

  test('the configuration changes from the next request on', async () => {
    const sim = await startTestSim()
    const changed = await config(sim, '{"tokens": 2, "faults": [{"kind": "status", "code": 503, "first": 1}]}')
    expect(changed.status).toBe(200)
    expect(JSON.parse(changed.text)).toMatchObject({ tokens: 2, latency: { ttftMs: 0 }, faults: [{ code: 503 }] })
    expect((await post(sim)).status).toBe(503)
    expect(JSON.parse((await post(sim)).text).usage.completion_tokens).toBe(2)
    expect((await send(sim, '/sim/config', { method: 'GET' })).text).toBe(changed.text)
  })

  test('a configuration that is wrong changes nothing and names the field', async () => {
    const sim = await startTestSim()
    const answer = await config(sim, '{"tokens": 2, "faults": [{"kind": "abort"}, {"kind": "abort", "rate": 7}]}')
    expect(answer.status).toBe(400)
    const { error } = JSON.parse(answer.text)
    expect(error.param).toBe('faults[1].rate')
    expect(error.message).toMatch(/^faults\[1\]\.rate: /)
    expect(JSON.parse((await post(sim)).text).usage.completion_tokens).toBe(16)
    expect((await config(sim, '{')).status).toBe(400)
    expect((await send(sim, '/sim/config', { method: 'DELETE' })).status).toBe(405)
  })
})

describe('refusing connections', () => {
  test('cuts what is open, refuses what comes, and serves again on the same port', async () => {
    const sim = await startTestSim()
    const stalled = post(sim, chat(), { 'x-sim-fault': 'stall' })
    const failure = expect(stalled).rejects.toMatchObject({ code: 'ECONNRESET' })
    await vi.waitFor(() => expect(sim.metrics().running).toBe(1))
    await sim.refuse()
    await failure
    await expect(post(sim)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await sim.accept()
    expect((await post(sim)).status).toBe(200)
  })

  test('for a time, asked for over HTTP', async () => {
    const clock = new ManualClock()
    const sim = await startTestSim({ clock })
    expect(await send(sim, '/sim/refuse', { body: '{"forMs": 5000}' })).toMatchObject({ status: 200 })
    await clock.untilPending(1)
    await expect(post(sim)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await clock.advance(5000)
    await vi.waitFor(async () => expect((await post(sim)).status).toBe(200))
    const refused = await send(sim, '/sim/refuse', { body: '{"forMs": 0}' })
    expect(refused).toMatchObject({ status: 400, text: expect.stringContaining('forMs') })
  })
})

describe('closing', () => {
  test('with grace lets a request finish, and takes no new ones', async () => {
    const clock = new ManualClock()
    const sim = await startTestSim({ clock, settings: { latency: { ttftMs: 100 } } })
    const pending = post(sim)
    await clock.untilPending(1)
    const closed = sim.close(10_000)
    await expect(post(sim)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await clock.advance(100)
    expect((await pending).status).toBe(200)
    await closed
  })

  test('with grace does not wait for connections that are merely kept alive', async () => {
    const clock = new ManualClock()
    const sim = await startTestSim({ clock, settings: { latency: { ttftMs: 100 } } })
    const [idle, busy] = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })]
    const ask = (path: string, agent: Agent, body: string) =>
      new Promise((resolve) =>
        request(`${sim.url}${path}`, { method: 'POST', agent }, (incoming) => incoming.resume().on('end', resolve)).end(
          body,
        ),
      )
    await ask('/', idle, '')
    const pending = ask('/v1/chat/completions', busy, chat())
    await clock.untilPending(1)
    const closed = sim.close(60_000)
    await clock.advance(100)
    await pending
    await closed
  })

  test('without grace cuts it, and leaves no wait behind', async () => {
    const clock = new ManualClock()
    const sim = await startTestSim({ clock, settings: { latency: { ttftMs: 100 } } })
    const failure = expect(post(sim)).rejects.toMatchObject({ code: 'ECONNRESET' })
    await clock.untilPending(1)
    await sim.refuse(5000)
    await sim.close()
    await failure
    await vi.waitFor(() => expect(clock.pendingTimers).toBe(0))
  })
})

test('connections are kept alive from request to request, also after errors', async () => {
  const sim = await startTestSim({ maxBodyBytes: 1000 })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ports = new Set<number | undefined>()
  const once = (body: string) =>
    new Promise<number>((resolve, reject) => {
      const outgoing = request(`${sim.url}/v1/chat/completions`, { method: 'POST', agent }, (incoming) => {
        ports.add(outgoing.socket?.localPort)
        incoming.resume().on('end', () => resolve(incoming.statusCode!))
      })
      outgoing.on('error', reject).end(body)
    })
  try {
    const statuses = []
    for (const body of [chat(), 'x', chat().padEnd(200_000), chat({ stream: true }), chat()])
      statuses.push(await once(body))
    expect(statuses).toEqual([200, 400, 413, 200, 200])
    expect(ports.size).toBe(1)
  } finally {
    agent.destroy()
  }
})

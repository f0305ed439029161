import { connect } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { ManualClock } from '../pool/manual-clock.ts'
import { chat, eventsOf, post, send, startTestSim } from './http.ts'

const stream = chat({ stream: true })
const fault = (text: string) => ({ 'x-sim-fault': text })

/** The events of an answer that may break off: what comes after the last empty line is left out. */
const wholeEvents = (text: string) => text.split('\n\n').length - 1

describe('status', () => {
  test('the error of the same shape as real ones', async () => {
    const answer = await post(await startTestSim(), chat(), fault('status=429;retryAfterSeconds=3'))
    expect(answer.status).toBe(429)
    expect(answer.headers).toMatchObject({ 'retry-after': '3', 'content-type': 'application/json' })
    expect(JSON.parse(answer.text).error).toMatchObject({ type: 'RateLimitError', code: 429 })
  })

  test('is given before the body is judged or a place in the batch is taken', async () => {
    const sim = await startTestSim()
    expect((await post(sim, chat(), fault('status=503'))).status).toBe(503)
    expect(sim.metrics()).toMatchObject({ running: 0, finished: { stop: 0, abort: 0 } })
  })
})

describe('abort', () => {
  test('before any answer', async () => {
    await expect(post(await startTestSim(), chat(), fault('abort'))).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  test.each([0, 1, 5])('a stream after %i chunks: these arrive whole, then the connection ends', async (chunks) => {
    const answer = await post(await startTestSim(), stream, fault(`abort=${chunks}`))
    expect(answer).toMatchObject({ status: 200, isComplete: false })
    expect(wholeEvents(answer.text)).toBe(chunks)
    expect(answer.text).toBe(chunks === 0 ? '' : answer.text.slice(0, answer.text.lastIndexOf('\n\n') + 2))
  })

  test('a JSON answer in its middle', async () => {
    const sim = await startTestSim()
    const whole = await post(sim, chat())
    const cut = await post(sim, chat(), fault('abort=1'))
    expect(cut.isComplete).toBe(false)
    expect(Buffer.concat(cut.pieces)).toHaveLength(Math.ceil(Number(whole.headers['content-length']) / 2))
    expect(sim.metrics().finished).toEqual({ stop: 1, length: 0, abort: 1 })
  })

  test('after more chunks than there are changes nothing', async () => {
    const answer = await post(await startTestSim(), stream, fault('abort=1000'))
    expect(eventsOf(answer.text).at(-1)).toBe('[DONE]')
  })
})

describe('truncate', () => {
  test('a JSON answer that ends as HTTP wants it, but not as JSON does', async () => {
    const answer = await post(await startTestSim(), chat(), fault('truncate'))
    expect(answer).toMatchObject({ status: 200, isComplete: true })
    expect(() => JSON.parse(answer.text)).toThrow(SyntaxError)
    expect(answer.text).toMatch(/^\{"id":/)
  })

  test('a stream that ends within an event, without [DONE]', async () => {
    const answer = await post(await startTestSim(), stream, fault('truncate=4'))
    expect(answer.isComplete).toBe(true)
    expect(wholeEvents(answer.text)).toBe(4)
    expect(answer.text).not.toContain('[DONE]')
    expect(answer.text.slice(answer.text.lastIndexOf('\n\n') + 2)).toMatch(/^data: \{"id"/)
  })
})

describe('stall', () => {
  test('before the headers, for a while: then as if nothing had been', async () => {
    const clock = new ManualClock()
    const sim = await startTestSim({ clock })
    const pending = post(sim, stream, fault('stall=2000'))
    await clock.untilPending(1)
    expect(sim.metrics(), 'a stalled request holds its place').toMatchObject({ running: 1 })
    await clock.advance(2000)
    expect(eventsOf((await pending).text).at(-1)).toBe('[DONE]')
  })

  test('after three chunks: these have arrived, the rest comes when it is over', async () => {
    const clock = new ManualClock()
    const sim = await startTestSim({ clock })
    let seen = ''
    const pending = send(sim, '/v1/chat/completions', {
      body: stream,
      headers: fault('stall=2000;afterChunks=3'),
      onPiece: (text) => (seen = text),
    })
    await clock.untilPending(1)
    await vi.waitFor(() => expect(wholeEvents(seen)).toBe(3))
    await clock.advance(1999)
    expect(wholeEvents(seen)).toBe(3)
    await clock.advance(1)
    expect(eventsOf((await pending).text).at(-1)).toBe('[DONE]')
  })

  test('for ever: until the client gives up, which frees its place', async () => {
    const sim = await startTestSim()
    const client = new AbortController()
    const pending = send(sim, '/v1/chat/completions', { body: stream, headers: fault('stall'), signal: client.signal })
    await vi.waitFor(() => expect(sim.metrics().running).toBe(1))
    client.abort()
    await expect(pending).rejects.toThrow('aborted')
    await vi.waitFor(() => expect(sim.metrics()).toMatchObject({ running: 0, finished: { abort: 1 } }))
  })

  test('in the middle of JSON', async () => {
    const clock = new ManualClock()
    const sim = await startTestSim({ clock })
    const pending = post(sim, chat(), fault('stall=100;afterChunks=1'))
    await clock.untilPending(1)
    await clock.advance(100)
    expect(JSON.parse((await pending).text)).toMatchObject({ object: 'chat.completion' })
  })
})

describe('split', () => {
  /** The HTTP chunks of an answer and how many reads brought them, from a bare socket: node:http would join some. */
  async function chunksOf(url: string, text: string): Promise<{ chunks: Buffer[]; reads: number }> {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    const headers = ['host: x', 'connection: close', `content-length: ${stream.length}`, `x-sim-fault: ${text}`]
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${stream}`)
    const pieces: Buffer[] = []
    for await (const piece of socket) pieces.push(piece as Buffer)
    const raw = Buffer.concat(pieces)
    const chunks: Buffer[] = []
    let at = raw.indexOf('\r\n\r\n') + 4
    for (;;) {
      const lineEnd = raw.indexOf('\r\n', at)
      const size = Number.parseInt(raw.toString('latin1', at, lineEnd), 16)
      if (size === 0) return { chunks, reads: pieces.length }
      chunks.push(raw.subarray(lineEnd + 2, lineEnd + 2 + size))
      at = lineEnd + 2 + size + 2
    }
  }

  test('pieces of 1 to 7 bytes that join to the same events, split within names and within characters', async () => {
    const sim = await startTestSim({ settings: { tokens: 40 } })
    const { chunks, reads } = await chunksOf(sim.url, 'split')
    expect(reads, 'they travel apart').toBeGreaterThan(chunks.length / 10)
    const sizes = new Set(chunks.map((chunk) => chunk.length))
    expect([...sizes].sort()).toEqual([1, 2, 3, 4, 5, 6, 7])
    const events = eventsOf(Buffer.concat(chunks).toString()) as { choices?: { delta: { content?: string } }[] }[]
    expect(events.at(-1)).toBe('[DONE]')
    expect(events.map((event) => event.choices?.[0].delta.content ?? '').join('')).toContain('Zürich')

    const texts = chunks.map((chunk) => chunk.toString())
    expect(texts.some((text) => text.includes('\uFFFD'))).toBe(true)
    expect(texts.some((text) => /\n?dat?a?$/.test(text))).toBe(true)
  })

  test('the same seed splits in the same places, another one in others', async () => {
    const sizes = async (seed: number) => {
      const sim = await startTestSim({ seed, clock: new ManualClock() })
      return (await chunksOf(sim.url, 'split=20')).chunks.map((chunk) => chunk.length)
    }
    const first = await sizes(1)
    expect(Math.max(...first)).toBe(20)
    expect(await sizes(1)).toEqual(first)
    expect(await sizes(2)).not.toEqual(first)
  })
})

test('slow-read takes the body no faster than the rate', async () => {
  const clock = new ManualClock()
  const sim = await startTestSim({ clock })
  const body = chat({ messages: [{ role: 'user', content: 'x'.repeat(500_000) }] })
  const pending = post(sim, body, fault('slow-read=100000'))
  let waits = 0
  while (sim.journal.entries()[0]?.endMs === undefined) {
    await clock.untilPending(1)
    await clock.advance(1000)
    await vi.waitFor(() => expect(clock.pendingTimers === 1 || sim.journal.entries()[0].endMs !== undefined).toBe(true))
    waits += 1
  }
  expect(waits).toBeGreaterThan(3)
  const [{ firstByteMs, endMs, bodyBytes }] = sim.journal.entries()
  expect(endMs! - firstByteMs!).toBeGreaterThanOrEqual((bodyBytes / 100_000) * 1000 - 700)
  expect((await pending).status).toBe(200)
})

describe('the faults of a server', () => {
  test('the first N requests, then all is well', async () => {
    const sim = await startTestSim()
    sim.setFaults([{ kind: 'status', code: 503, first: 2 }])
    const statuses = []
    for (let request = 0; request < 4; request++) statuses.push((await post(sim)).status)
    expect(statuses).toEqual([503, 503, 200, 200])
  })

  test('strike inference only, and give way to what a request asks for', async () => {
    const sim = await startTestSim({ settings: { faults: [{ kind: 'status', code: 500 }] } })
    expect((await post(sim)).status).toBe(500)
    expect((await send(sim, '/v1/models', { method: 'GET' })).status).toBe(200)
    expect((await send(sim, '/metrics', { method: 'GET' })).status).toBe(200)
    expect((await post(sim, chat(), fault('status=418'))).status).toBe(418)
  })

  test('with the same seed the same requests are struck', async () => {
    const run = async () => {
      const sim = await startTestSim({ seed: 5, settings: { faults: [{ kind: 'status', code: 503, rate: 0.5 }] } })
      const statuses: number[] = []
      for (let request = 0; request < 20; request++) statuses.push((await post(sim)).status)
      return statuses
    }
    const first = await run()
    expect(new Set(first)).toEqual(new Set([200, 503]))
    expect(await run()).toEqual(first)
  })
})

test.each(['explode', 'status=1', 'abort;rate=1', ''])('the fault header %j is refused', async (text) => {
  const answer = await post(await startTestSim(), chat(), fault(text))
  expect(answer.status).toBe(400)
  expect(JSON.parse(answer.text).error.message).toMatch(/^x-sim-fault: /)
})

import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request as startRequest } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { drained } from '../../src/demo/client.ts'
import { modes } from '../../src/demo/envoy-file.ts'
import { type Gateway, startGateway } from '../../src/demo/gateway.ts'
import { type Ground, Probe } from '../../src/demo/probe.ts'
import { residentBytes } from '../demo/proc.ts'
import { envoy } from './envoy.ts'
import { claimedTypes, twoFaced } from './hostile-bodies.ts'
import { load } from './load.ts'

const mebibyte = 1024 * 1024
const theirConnections = 4

describe.skipIf(envoy === undefined)('clients that are odd or hostile', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await startGateway({ envoy: envoy!, modes })
  })
  afterAll(() => gateway?.stop())

  test('headers of 70 KB, or 200 of them, get no further than Envoy', async () => {
    const url = new URL(gateway.urls.get('full-duplex')!)
    const bombs = [
      { 'x-long': 'x'.repeat(70_000) },
      Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-${i}`, '1'])),
    ]
    const answers = bombs.map((headers) => {
      const socket = connect(Number(url.port), url.hostname)
      socket.write(requestHead({ 'content-length': '2', ...headers }))
      return readAll(socket)
    })
    for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^(HTTP\/1\.1 431 |$)/)
    const arrived = gateway.servers.flatMap(({ journal }) => journal.entries())
    expect(arrived.filter(({ headers }) => 'x-long' in headers || 'x-1' in headers)).toEqual([])
  })

  describe.each(modes)('%s', (mode) => {
    let url: URL
    let probed: Ground
    let probe: Probe
    let others: AbortController
    let theirLoad: ReturnType<typeof load>

    // Everybody else must notice nothing.
    beforeEach(() => {
      url = new URL(gateway.urls.get(mode)!)
      probed = { ...gateway, mode, url: url.href }
      probe = new Probe(probed)
      others = new AbortController()
      theirLoad = load(url.href, Number.POSITIVE_INFINITY, theirConnections, others.signal)
    })
    afterEach(async () => {
      probe.close()
      others.abort()
      const { requests, failures } = await theirLoad
      expect(requests).toBeGreaterThan(0)
      expect(failures).toEqual(new Map())
    })

    async function metricOf(name: string): Promise<number> {
      const page = await (await fetch(gateway.metricsUrl)).text()
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1])
    }

    const errorCode = (body: Buffer): string => JSON.parse(body.toString()).error.code

    test.each([
      { what: 'with a model', head: '{"model":"qwen","messages":"' },
      { what: 'without one', head: '{"messages":"' },
    ])('a body of 1 GiB $what is 413 and takes little memory', async ({ head }) => {
      const chunk = Buffer.alloc(mebibyte, 'x')
      const { pid } = gateway.signalbox
      const before = residentBytes(pid)
      let peak = before
      const socket = connect(Number(url.port), url.hostname)
      socket.on('error', () => {}) // reset by the gateway, which is what should happen
      const answer = readAll(socket)
      socket.write(requestHead({ 'transfer-encoding': 'chunked' }))
      writeChunk(socket, Buffer.from(head))
      for (let sent = 0; sent < 1024 && !socket.destroyed && socket.writable; sent++) {
        if (!writeChunk(socket, chunk)) await drained(socket)
        peak = Math.max(peak, residentBytes(pid))
      }
      socket.destroy()
      expect(await answer).toMatch(/^HTTP\/1\.1 413 /)
      expect(peak - before).toBeLessThan(200 * mebibyte)
    })

    test('a body of one byte at a time', async () => {
      const body = '{"messages":[{"role":"user","content":"née à Zürich"}],"model":"travel-helper"}'
      const { status } = await probe.chat('', { body: byteByByte(body) })
      expect(status).toBe(200)
      expect(probe.onlyArrival('qwen').model).toMatch(/^travel-helper-v[12]$/)
    })

    test.each([
      { what: '100,000 nested arrays', body: Buffer.from(`{"messages":${'['.repeat(100_000)}`), status: 400 },
      {
        what: 'a model that is no UTF-8',
        body: Buffer.from('{"model":"qw\xffen","messages":[]}', 'latin1'),
        status: 400,
      },
      {
        what: 'a model with a line break',
        body: Buffer.from('{"model":"qwen\\r\\nx-evil: 1","messages":[]}'),
        status: 400,
      },
      { what: 'a model of 100 KB', body: Buffer.from(`{"model":"${'q'.repeat(100_000)}"}`), status: 400 },
      { what: 'nothing but spaces', body: Buffer.alloc(10_000, ' '), status: 400 },
    ])('$what: $status', async ({ body, status }) => {
      const answer = await probe.chat('', { body })
      expect(answer.status, answer.body.toString()).toBe(status)
      expect(errorCode(answer.body)).toMatch(/^(invalid_json|model_invalid|model_missing)$/)
      probe.noArrival()
    })

    test('a body in an encoding that nobody can take off is 415', async () => {
      const headers = { 'content-encoding': 'snappy' }
      const answer = await probe.chat('', { body: Buffer.from('{"model":"qwen","messages":[]}'), headers })
      expect(answer.status).toBe(415)
      expect(errorCode(answer.body)).toBe('unsupported_encoding')
      probe.noArrival()
    })

    test('no body is routed by one model and run by another', async () => {
      for (const { what, body, headers, outcome } of twoFaced) {
        const probe = new Probe(probed)
        // Node sends a header for each value of a list.
        const answer = await probe.chat('', { body, headers: headers as Record<string, string> })
        const found =
          answer.status === 200
            ? { arrives: probe.onlyArrival('qwen').body.toString() }
            : { refused: errorCode(answer.body) }
        expect(found, what).toEqual(outcome)
        if ('refused' in outcome) probe.noArrival()
        else expect(probe.onlyArrival('qwen').headers['x-gateway-model-name'], what).toBe('qwen')
        probe.close()
      }
    })

    test('JSON is read as JSON, whatever it claims to be', async () => {
      for (const type of claimedTypes) {
        expect((await probe.chat('qwen', { headers: { 'content-type': type } })).status, type).toBe(200)
      }
      const models = probe.arrived('qwen').map(({ headers }) => headers['x-gateway-model-name'])
      expect(models).toEqual(claimedTypes.map(() => 'qwen'))
    })

    test('two models in a form: the second becomes the first', async () => {
      const part = (model: string) => `--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n${model}\r\n`
      const body = (...models: string[]) => `${models.map(part).join('')}--x--\r\n`
      const headers = { 'content-type': 'multipart/form-data; boundary=x' }
      await probe.send({ path: '/v1/audio/transcriptions', body: body('qwen', 'deepseek-r1'), headers })
      expect(probe.onlyArrival('qwen').body.toString()).toBe(body('qwen', 'qwen'))
    })

    test('bodies that stop in the middle hold no more than they have sent, and leave nothing', async () => {
      const sockets = Array.from({ length: 200 }, () => connect(Number(url.port), url.hostname))
      for (const socket of sockets) {
        socket.on('error', () => {})
        socket.write(requestHead({ 'content-length': '1000000' }))
        socket.write(`{"messages":["${'x'.repeat(10_000)}`)
      }
      await until(async () => (await metricOf('signalbox_open_exchanges')) >= sockets.length)
      expect((await probe.chat('qwen')).status).toBe(200)
      expect(await metricOf('signalbox_held_bytes')).toBeLessThan(200 * 11_000)
      for (const socket of sockets) socket.destroy()
      await until(async () => (await metricOf('signalbox_open_exchanges')) <= theirConnections)
      await until(async () => (await metricOf('signalbox_held_bytes')) === 0)
    })

    test("a client can't set what Signalbox decides, nor choose a server", async () => {
      const visited: string[] = []
      const rogue = createServer((request, response) => {
        visited.push(request.url!)
        response.end()
      }).listen(0, '127.0.0.1')
      await once(rogue, 'listening')
      const address = `127.0.0.1:${(rogue.address() as { port: number }).port}`
      const spoofed = {
        'x-gateway-model-name': 'deepseek-r1',
        'x-gateway-base-model-name': 'spoofed',
        'x-gateway-destination-endpoint': address,
        'x-gateway-destination-endpoint-served': address,
        'x-gateway-destination-endpoint-subset': address,
        'x-prefiller-host-port': address,
        'x-encoder-hosts-ports': address,
        'x-data-parallel-host-port': address,
      }
      const asked = {
        'x-llm-d-inference-fairness-id': 'me',
        'x-gateway-inference-fairness-id': 'me',
        'x-llm-d-inference-objective': 'urgent',
        'x-gateway-inference-objective': 'urgent',
      }
      const written: ((name: string, value: string) => [string, string | string[]])[] = [
        (name, value) => [name, value],
        (name, value) => [name.toUpperCase(), value],
        (name, value) => [name, [value, value]],
        (name, value) => [name, `${value},${value}`],
        (name, value) => [name.replaceAll('-', '_'), value],
      ]
      for (const write of written) {
        const pairs = Object.entries({ ...spoofed, ...asked }).map(([name, value]) => write(name, value))
        const headers = Object.fromEntries(pairs) as Record<string, string>
        expect((await probe.chat('qwen', { headers })).status).toBe(200)
        // No model, so no route either, whatever the client says.
        expect((await probe.send({ path: '/v1/files', headers })).status).toBe(404)
      }
      rogue.close()
      expect(visited).toEqual([])
      expect(probe.arrived('qwen')).toHaveLength(written.length)
      expect(probe.arrived()).toHaveLength(written.length)
      const seen = probe.arrived('qwen').flatMap(({ headers }) => Object.entries(headers))
      expect(seen.filter(([name]) => name in asked)).toEqual([])
      expect(seen.filter(([name, value]) => name in spoofed && /deepseek|spoofed/.test(value))).toEqual([])
      expect(seen.filter(([name, value]) => name in spoofed && value.includes(address))).toEqual([])
    })

    test('GET and HEAD pass', async () => {
      for (const method of ['GET', 'HEAD']) {
        const { status, body } = await probe.send({ method, path: '/v1/models' })
        expect({ method, status, hasBody: body.length > 0 }).toEqual({ method, status: 200, hasBody: method === 'GET' })
      }
    })

    test('Expect: 100-continue is answered, and the request too', async () => {
      const body = Buffer.from(`{"model":"qwen","messages":[{"role":"user","content":"${'x'.repeat(2 * mebibyte)}"}]}`)
      const request = startRequest(new URL('/v1/chat/completions', url), {
        method: 'POST',
        headers: { expect: '100-continue', 'content-length': body.length },
      })
      request.flushHeaders()
      await once(request, 'continue')
      request.end(body)
      const [response] = await once(request, 'response')
      expect(response.statusCode).toBe(200)
      response.resume()
    })

    test('chunked trailers over HTTP/1.1', async () => {
      const request = startRequest(new URL('/v1/chat/completions', url), {
        method: 'POST',
        headers: { trailer: 'x-checksum', 'transfer-encoding': 'chunked' },
      })
      request.write('{"model":"qwen",')
      request.addTrailers({ 'x-checksum': '42' })
      request.end('"messages":[]}')
      const [response] = await once(request, 'response')
      expect(response.statusCode).toBe(200)
      response.resume()
    })

    // To a model whose route has no retries: with them, Envoy 1.40 sends a body that ends with trailers twice over in the
    // streamed modes (envoyproxy/envoy#45470).
    test.each(['{"model":"assistant","messages":[]}', '{"messages":[],"model":"assistant"}'])(
      'trailers over HTTP/2 after %s',
      async (body) => {
        const session = connectHttp2(url.href)
        const stream = session.request(
          { ':method': 'POST', ':path': '/v1/chat/completions', 'content-type': 'application/json' },
          // biome-ignore lint/suspicious/noExplicitAny: the types leave out that clients may send trailers
          { waitForTrailers: true } as any,
        )
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-checksum': '42' }))
        stream.write(body.slice(0, 10))
        await sleep(20)
        stream.end(body.slice(10))
        const [headers] = await once(stream, 'response')
        const answer = Buffer.concat(await stream.toArray()).toString()
        session.close()
        expect(headers[':status'], answer).toBe(200)
        expect(JSON.parse(answer).model).toMatch(/^(qwen|deepseek-r1)$/)
      },
    )

    test('clients that hang up at any point', async () => {
      const chunk = ' '.repeat(20_000)
      const hangUp = async (afterMs: number) => {
        const give = AbortSignal.timeout(afterMs)
        const body = chunksWithPauses(['{"model":"qwen",', chunk, chunk, chunk, '"messages":[]}'], 2)
        const headers = { 'x-sim-fault': 'stall=10;afterChunks=1' }
        await probe.chat('', { body, headers, signal: give }).catch(() => {})
      }
      await Promise.all(Array.from({ length: 300 }, () => hangUp(1 + randomInt(40))))
      expect((await probe.chat('qwen')).status).toBe(200)
      // Nothing is left of them: what is still open belongs to the others.
      await until(async () => (await metricOf('signalbox_open_exchanges')) <= theirConnections)
    })
  })
})

const until = (isTrue: () => Promise<boolean>) => vi.waitUntil(isTrue, { timeout: 5_000, interval: 50 })

function requestHead(headers: Record<string, string>): string {
  const lines = Object.entries({ host: 'gateway', 'content-type': 'application/json', ...headers })
  return `POST /v1/chat/completions HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

/** @returns whether more can be written at once. */
function writeChunk(socket: Socket, chunk: Buffer): boolean {
  socket.write(`${chunk.length.toString(16)}\r\n`)
  socket.write(chunk)
  return socket.write('\r\n')
}

/** All that comes before the connection ends, however it ends. */
function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (data) => {
    text += data
  })
  return new Promise((resolve) => socket.on('close', () => resolve(text)))
}

async function* byteByByte(text: string): AsyncGenerator<Buffer> {
  for (const byte of Buffer.from(text)) {
    yield Buffer.from([byte])
    await sleep(1)
  }
}

async function* chunksWithPauses(chunks: readonly string[], pauseMs: number): AsyncGenerator<string> {
  for (const chunk of chunks) {
    yield chunk
    await sleep(pauseMs)
  }
}

import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { Client } from '../../src/demo/client.ts'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { envoy } from './envoy.ts'
import { modelAlias, pool } from './scene.ts'
import { type Answering, answerJson, servedBy, Upstream } from './upstream.ts'

const root = join(import.meta.dirname, '..', '..')
const serveFlags = ['--pool-name=pool']

/** Clients ask for the first, servers know the second. */
const alias = 'travel-helper'
const target = 'travel-helper-v1-with-a-longer-name'

/** An Envoy as Envoy AI Gateway configures it, with Signalbox as the endpoint picker. */
type Gateway = {
  readonly url: string
  readonly client: Client
  readonly metricsUrl: string
  readonly signalbox: GuardedProcess
  stop(): Promise<void>
}

type Settings = {
  readonly servers: readonly Upstream[]
  readonly serveFlags?: readonly string[]
  /** What differs in ext_proc's `processing_mode`. */
  readonly processingMode?: Readonly<Record<string, string>>
}

async function startGateway({ servers, serveFlags = [], processingMode = {} }: Settings): Promise<Gateway> {
  const ends: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    const folder = await mkdtemp(join(tmpdir(), 'signalbox-ai-gateway-'))
    ends.push(() => rm(folder, { recursive: true, force: true }))
    const [grpcPort, healthPort, metricsPort, adminPort, port] = await freePorts(5)
    const files = { resources: join(folder, 'resources.yaml'), endpoints: join(folder, 'endpoints.yaml') }
    await writeFile(files.resources, [pool, modelAlias(alias, target)].map((each) => stringify(each)).join('---\n'))
    const endpoints = servers.map(({ name, port }) => ({ name, address: '127.0.0.1', port, labels: { app: 'model' } }))
    await writeFile(files.endpoints, stringify({ endpoints }))
    const signalbox = new GuardedProcess({
      name: 'signalbox serve',
      command: join(root, 'bin', 'signalbox'),
      args: [
        'serve',
        `--resources=${files.resources}`,
        `--endpoints=${files.endpoints}`,
        '--host=127.0.0.1',
        `--grpc-port=${grpcPort}`,
        `--grpc-health-port=${healthPort}`,
        `--metrics-port=${metricsPort}`,
        '--drain-timeout=0s',
        ...serveFlags,
      ],
    })
    ends.push(() => signalbox.stop())
    const metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`
    await untilReady(signalbox, async () => (await fetch(metricsUrl)).ok)

    const configuration = parse(await readFile(join(import.meta.dirname, 'ai-gateway.yaml'), 'utf8'))
    const { listeners, clusters } = configuration.static_resources
    configuration.admin.address.socket_address.port_value = adminPort
    listeners[0].address.socket_address.port_value = port
    const [processor] = listeners[0].filter_chains[0].filters[0].typed_config.http_filters
    Object.assign(processor.typed_config.processing_mode, processingMode)
    const [picker] = clusters[1].load_assignment.endpoints[0].lb_endpoints
    picker.endpoint.address.socket_address.port_value = grpcPort
    const file = join(folder, 'envoy.yaml')
    await writeFile(file, stringify(configuration))
    const program = new GuardedProcess({
      name: 'envoy',
      command: envoy!,
      args: ['-c', file, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'error'],
    })
    ends.push(() => program.stop())
    await untilReady(program, async () => (await fetch(`http://127.0.0.1:${adminPort}/ready`)).ok)
    const url = `http://127.0.0.1:${port}`
    const client = new Client(url)
    ends.push(async () => client.close())
    return { url, client, metricsUrl, signalbox, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const event = (n: number) => `data: {"n":${n}}\n\n`

const chat = (fields: object = {}) => ({
  path: '/v1/chat/completions',
  body: JSON.stringify({ model: alias, messages: [{ role: 'user', content: 'who are you?' }], ...fields }),
})

describe.skipIf(envoy === undefined)('behind Envoy AI Gateway', () => {
  let servers: Upstream[]
  let answering: Answering
  beforeAll(async () => {
    const names = ['model-0', 'model-1']
    servers = await Promise.all(names.map((name) => new Upstream(name, (...given) => answering(...given)).listen()))
  })
  beforeEach(() => {
    answering = answerJson
  })
  afterEach(() => {
    for (const { arrivals } of servers) arrivals.length = 0
  })
  afterAll(async () => {
    for (const server of servers ?? []) await server.close()
  })

  const arrived = () => servers.flatMap(({ arrivals }) => arrivals)

  describe('with one endpoint for a request', () => {
    let gateway: Gateway
    beforeAll(async () => {
      gateway = await startGateway({ servers, serveFlags })
    })
    afterAll(() => gateway?.stop())

    test('requests go to the server that the header names, whose name the server is told', async () => {
      const seen = new Set<unknown>()
      for (let i = 0; i < 40 && seen.size < servers.length; i++) {
        // Nothing is known of the prompt, so it may go anywhere.
        const { status, headers } = await gateway.client.send(chat({ user: `${i}`, messages: [{ content: `${i}` }] }))
        expect(status).toBe(200)
        seen.add(headers[servedBy])
      }
      expect(seen.size).toBe(servers.length)
      for (const server of servers) {
        for (const { headers } of server.arrivals) {
          expect(headers['x-gateway-destination-endpoint']).toBe(server.address)
          expect(headers['x-gateway-model-name']).toBe(alias)
        }
      }
    })

    test('the model of a large body is renamed, and all else of it arrives', async () => {
      const content = 'a "b" \\ é '.repeat(300_000)
      const { status } = await gateway.client.send(chat({ messages: [{ role: 'user', content }] }))
      expect(status).toBe(200)
      const [{ body }] = arrived()
      expect(body.equals(Buffer.from(chat({ model: target, messages: [{ role: 'user', content }] }).body))).toBe(true)
    })

    test('JSON comes back byte for byte, but for the model, which is the one that was asked for', async () => {
      const answer = (model: string) =>
        `{ "id":"1",\n "model" : "${model}", "choices":[{"message":{"content":"${target} \\u00e9 é"}}],"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12}}\n`
      answering = (_arrival, response) => response.setHeader('content-type', 'application/json').end(answer(target))
      const before = await tokensOf(gateway)
      const { status, body } = await gateway.client.send(chat())
      expect({ status, body: body.toString() }).toEqual({ status: 200, body: answer(alias) })
      await expect.poll(() => tokensOf(gateway)).toEqual({ input: before.input + 7, output: before.output + 5 })
    })

    test('events come back byte for byte, each while the answer goes on', async () => {
      const chunk = (model: string, text: string) =>
        `data: {"model":"${model}","choices":[{"delta":{"content":"${text}"}}]}\r\n\r\n`
      const usage =
        'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":3}}\n\n: ping\n\ndata: [DONE]\n\n'
      let proceed = () => {}
      answering = (_arrival, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(chunk(target, 'Mind'))
        proceed = () => response.end(chunk(target, target) + usage)
      }
      const before = await tokensOf(gateway)
      const { answer, firstChunk } = await open(gateway, chat({ stream: true }))
      expect((await firstChunk).toString()).toBe(chunk(alias, 'Mind'))
      proceed()
      const rest = Buffer.concat(await answer.toArray()).toString()
      expect(rest).toBe(chunk(alias, target) + usage)
      await expect.poll(() => tokensOf(gateway)).toEqual({ input: before.input + 11, output: before.output + 3 })
    })

    test('a large answer comes back byte for byte', async () => {
      const embedding = Array.from({ length: 400_000 }, (_, i) => (i * 0.137).toFixed(9)).join()
      const answer = (model: string) => `{"data":[{"embedding":[${embedding}]}],"model":"${model}"}`
      answering = (_arrival, response) => {
        const body = Buffer.from(answer(target))
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
      }
      const { body } = await gateway.client.send({ path: '/v1/embeddings', body: `{"model":"${alias}","input":"a"}` })
      expect(body.equals(Buffer.from(answer(alias)))).toBe(true)
    })

    test('what is no inference comes back byte for byte', async () => {
      const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251))
      answering = (_arrival, response) => response.setHeader('content-type', 'application/octet-stream').end(bytes)
      const { status, body } = await gateway.client.send(chat())
      expect(status).toBe(200)
      expect(body.equals(bytes)).toBe(true)
    })

    test.each([
      { what: 'an error of the server', status: 422, type: 'application/json', text: '{"error":{"message":"no"}}' },
      { what: 'an answer without a body', status: 204, type: 'application/json', text: '' },
    ])('$what passes as it is', async ({ status, type, text }) => {
      answering = (_arrival, response) => response.writeHead(status, { 'content-type': type }).end(text)
      const answer = await gateway.client.send(chat())
      expect({ status: answer.status, text: answer.body.toString() }).toEqual({ status, text })
    })

    test('trailers pass in both directions', async () => {
      answering = (_arrival, response) => {
        response.writeHead(200, { 'content-type': 'application/json', trailer: 'x-checksum' })
        response.addTrailers({ 'x-checksum': 'abc' })
        response.end('{}')
      }
      const call = request(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked', trailer: 'x-digest' },
      })
      call.addTrailers({ 'x-digest': 'def' })
      const answered = new Promise<Record<string, unknown>>((resolve, reject) => {
        call.on('error', reject)
        call.on('response', (answer) => answer.resume().on('end', () => resolve(answer.trailers)))
      })
      call.end(chat().body)
      expect(await answered).toEqual({ 'x-checksum': 'abc' })
      expect(arrived()).toHaveLength(1)
    })

    test('an address that a client names is never used', async () => {
      const own = { 'x-gateway-destination-endpoint': '127.0.0.1:1' }
      expect(await gateway.client.send({ ...chat(), headers: own })).toMatchObject({ status: 200 })
      expect(await gateway.client.send({ path: '/internal', headers: own })).toMatchObject({ status: 200 })
      expect(arrived()).toHaveLength(2)
      for (const { headers } of arrived()) expect(headers['x-gateway-destination-endpoint']).not.toBe('127.0.0.1:1')
    })

    test('refusals reach the client', async () => {
      const { status, body } = await gateway.client.send({ path: '/v1/chat/completions', body: '{"messages":[]}' })
      expect(status).toBe(400)
      expect(JSON.parse(body.toString())).toMatchObject({ error: { type: 'invalid_request_error' } })
      expect(arrived()).toEqual([])
    })
  })

  test('buffered bodies come and go byte for byte, too', async () => {
    const modes = { request_body_mode: 'BUFFERED', response_body_mode: 'BUFFERED' }
    const trailers = { request_trailer_mode: 'SKIP', response_trailer_mode: 'SKIP' }
    const gateway = await startGateway({ servers, serveFlags, processingMode: { ...modes, ...trailers } })
    try {
      const answer = (model: string) => `{"model" : "${model}", "text":"${target} \u00e9 é"}\n`
      answering = (_arrival, response) => response.setHeader('content-type', 'application/json').end(answer(target))
      const { status, body } = await gateway.client.send(chat())
      expect({ status, body: body.toString() }).toEqual({ status: 200, body: answer(alias) })
      expect(arrived()[0].body.toString()).toBe(chat({ model: target }).body)
    } finally {
      await gateway.stop()
    }
  })

  test('an answer under way is completed when Signalbox is stopped', async () => {
    const gateway = await startGateway({ servers, serveFlags: [...serveFlags, '--drain-timeout=30s'] })
    try {
      let server: ServerResponse | undefined
      answering = (_arrival, response) => {
        server = response.writeHead(200, { 'content-type': 'text/event-stream' })
        server.write(event(0))
      }
      const { answer, firstChunk } = await open(gateway, chat({ stream: true }))
      let read = (await firstChunk).toString()
      answer.on('data', (chunk) => (read += chunk))
      process.kill(gateway.signalbox.pid, 'SIGTERM')
      let sent = event(0)
      // Each event waits for the one before it, which gives the signal all the time that it needs.
      for (let i = 1; i <= 50; i++) {
        sent += event(i)
        server!.write(event(i))
        await expect.poll(() => read, { interval: 5 }).toBe(sent)
      }
      server!.end()
      await once(answer, 'end')
      expect(await gateway.signalbox.ended).toBe('exit code 0')
    } finally {
      await gateway.stop()
    }
  })

  test('when Signalbox is killed, an answer under way is cut, and requests are 500', async () => {
    const gateway = await startGateway({ servers, serveFlags })
    try {
      answering = (_arrival, response) =>
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(event(0))
      const { answer, firstChunk } = await open(gateway, chat({ stream: true }))
      await firstChunk
      process.kill(gateway.signalbox.pid, 'SIGKILL')
      await expect(answer.toArray()).rejects.toThrow('aborted')
      expect(await gateway.client.send(chat())).toMatchObject({ status: 500 })
    } finally {
      await gateway.stop()
    }
  })

  test('two endpoints, as the default for several pools names them, are 503: there is no address with a comma', async () => {
    const gateway = await startGateway({ servers })
    try {
      const { status, body } = await gateway.client.send(chat())
      expect({ status, body: body.toString() }).toEqual({ status: 503, body: 'no healthy upstream' })
      expect(arrived()).toEqual([])
    } finally {
      await gateway.stop()
    }
  })

  test('a pool without endpoints is 503, by Signalbox', async () => {
    const gateway = await startGateway({ servers: [], serveFlags })
    try {
      const { status, body } = await gateway.client.send(chat())
      expect(status).toBe(503)
      expect(JSON.parse(body.toString())).toMatchObject({ error: { message: expect.any(String) } })
    } finally {
      await gateway.stop()
    }
  })
})

/** Tokens that were counted so far, in all. */
async function tokensOf({ metricsUrl }: Gateway): Promise<{ input: number; output: number }> {
  const page = await (await fetch(metricsUrl)).text()
  const sum = (name: string) =>
    [...page.matchAll(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'gm'))].reduce(
      (all, [, value]) => all + Number(value),
      0,
    )
  return {
    input: sum('inference_objective_input_tokens_sum'),
    output: sum('inference_objective_output_tokens_sum'),
  }
}

/** Posts, and resolves when the answer begins; its first chunk and what follows are told apart. */
async function open({ url }: Gateway, { path, body }: { readonly path: string; readonly body: string }) {
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const call = request(`${url}${path}`, { method: 'POST', headers }).end(body)
  const answer = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    call.on('response', resolve).on('error', reject)
  })
  const firstChunk = new Promise<Buffer>((resolve) => answer.once('data', resolve))
  return { answer, firstChunk }
}

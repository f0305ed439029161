import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { residentBytes } from '../demo/proc.ts'
import { bodyMessage, bodyModes, frame, headersMessage, type Message, unframe } from '../extproc/play.ts'
import { describeAnswer } from '../extproc/script.ts'
import { bombs } from './hostile-bodies.ts'
import { pool } from './scene.ts'

const kibibyte = 1024
const mebibyte = 1024 * kibibyte
const server = '10.0.0.1:8000'
const flags = ['--max-total-held-bytes=64Mi']

/** Whoever reaches the ext_proc port, with more than any gateway would send. */
describe('peers that are odd or hostile', () => {
  let folder: string
  let signalbox: GuardedProcess
  let grpcPort: number
  let metricsUrl: string
  let session: ClientHttp2Session

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'signalbox-peers-'))
    const resources = join(folder, 'resources.yaml')
    const endpoints = join(folder, 'endpoints.yaml')
    await writeFile(resources, stringify(pool))
    const [address, port] = server.split(':')
    const endpoint = { name: 'a', namespace: 'default', address, port: Number(port), labels: { app: 'model' } }
    await writeFile(endpoints, stringify({ endpoints: [endpoint] }))
    const [ownPort, healthPort, metricsPort] = await freePorts(3)
    grpcPort = ownPort
    metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`
    signalbox = new GuardedProcess({
      name: 'signalbox serve',
      command: join(import.meta.dirname, '..', '..', 'bin', 'signalbox'),
      args: [
        ...['serve', `--resources=${resources}`, `--endpoints=${endpoints}`, '--secure-serving=false'],
        ...['--host=127.0.0.1', `--grpc-port=${grpcPort}`, `--grpc-health-port=${healthPort}`],
        ...[`--metrics-port=${metricsPort}`, '--drain-timeout=0s', ...flags],
      ],
    })
    await untilReady(signalbox, async () => (await fetch(metricsUrl)).ok)
  })
  afterAll(async () => {
    await signalbox?.stop()
    await rm(folder, { recursive: true, force: true })
  })
  beforeEach(async () => {
    session = connect(`http://127.0.0.1:${grpcPort}`, { maxSessionMemory: 1000 })
    await once(session, 'remoteSettings')
  })
  afterEach(async () => {
    session.destroy()
    await until(async () => (await metricOf('signalbox_open_exchanges')) === 0)
    expect(await metricOf('signalbox_held_bytes')).toBe(0)
    // What a client does is counted, and never a line in the log.
    expect(signalbox.lastLines().match(/"level":"(warn|error)".*a stream/g)).toBeNull()
  })

  async function metricOf(name: string): Promise<number> {
    const page = await (await fetch(metricsUrl)).text()
    return Number(
      page
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.slice(name.length + 1) ?? 0,
    )
  }

  /** Opens an ext_proc stream in full duplex with these gRPC headers. */
  function open(first: Message, headers: Readonly<Record<string, string>> = {}): Peer {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/envoy.service.ext_proc.v3.ExternalProcessor/Process',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    stream.write(frame({ ...first, protocol_config: bodyModes['full duplex'] }))
    return new Peer(stream)
  }

  const post = headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' })

  test('ten thousand streams at once are all answered', async () => {
    const peers = Array.from({ length: 10_000 }, () => open(post))
    for (const peer of peers) peer.send(bodyMessage('{"messages":['))
    await until(async () => (await metricOf('signalbox_open_exchanges')) === peers.length)
    for (const peer of peers) peer.send(bodyMessage('],"model":"qwen"}', true))
    for (const peer of peers) {
      expect(await peer.answer()).toMatch(/^headers x-gateway-destination-endpoint=10.0.0.1:8000 /)
    }
  })

  test('bodies of all streams together are bounded: large ones are refused, and small ones are served', async () => {
    const before = residentBytes(signalbox.pid)
    const refused = 'signalbox_requests_total{result="overloaded"}'
    const greedy = Array.from({ length: 100 }, () => open(post))
    const chunk = Buffer.alloc(64 * kibibyte, ' ')
    for (let sent = 0; sent < 2 * mebibyte; sent += chunk.length) {
      for (const peer of greedy) peer.send(bodyMessage(chunk))
    }
    // Of 2 MiB each, 32 have room: those that hold them leave enough to the small one.
    await until(async () => (await metricOf(refused)) >= 100 - 32)
    for (const answer of greedy.flatMap(({ answers }) => answers)) {
      expect(answer).toMatch(/^refused 503 overloaded: .* retry-after=1$/)
    }
    const small = open(post)
    small.send(bodyMessage('{"messages":["hello"],'))
    small.send(bodyMessage('"model":"qwen"}', true))
    expect(await small.answer()).toMatch(/^headers .*x-gateway-model-name=qwen/)
    expect(await metricOf('signalbox_held_bytes')).toBeLessThanOrEqual(64 * mebibyte)
    expect(residentBytes(signalbox.pid) - before).toBeLessThan(250 * mebibyte)
  })

  test('thirty bodies that grow when they are decompressed take no more memory than a few of them', async () => {
    const before = residentBytes(signalbox.pid)
    let peak = before
    const peers = Array.from({ length: 30 }, (_, i) => {
      const { encoding, body } = bombs[i % bombs.length]
      const headers = { ':method': 'POST', ':path': '/v1/chat/completions', 'content-encoding': encoding }
      const peer = open(headersMessage(headers))
      peer.send(bodyMessage(body, true))
      return peer
    })
    for (const peer of peers) {
      expect(await peer.answer()).toMatch(/^refused 413 body_too_large: the decoded body may have /)
      peak = Math.max(peak, residentBytes(signalbox.pid))
    }
    expect(peak - before).toBeLessThan(300 * mebibyte)
  })

  test('a million repeated keys cost no more than other bytes', async () => {
    for (const repeated of ['"model":"a",', '"tools":1,']) {
      const peer = open(post)
      const text = Buffer.from(`{${repeated.repeat(1_000_000)}`)
      for (let at = 0; at < text.length; at += 64 * kibibyte)
        peer.send(bodyMessage(text.subarray(at, at + 64 * kibibyte)))
      expect(await peer.answer()).toMatch(/^refused 400 .* are given more than 16 times|^refused 400 .* is given/)
    }
  })

  test('a pool that is not served here is refused, whatever it is called', async () => {
    for (const name of ['other/pool', 'default/pool/', '../pool', '__proto__', '*', 'x'.repeat(4000)]) {
      const peer = open(post, { 'x-inference-pool': name })
      peer.send(bodyMessage('{"model":"qwen"}', true))
      expect(await peer.answer()).toMatch(/^refused 503 pool_not_found: /)
    }
  })

  test.each([
    ['outside of the pool', '10.9.9.9:8000', /^refused 503 no_endpoint: /],
    ['in the pool and others', `10.9.9.9:8000,${server}`, /^headers x-gateway-destination-endpoint=10.0.0.1:8000 /],
    ['none', '', /^refused 503 no_endpoint: /],
  ])('a subset of endpoints %s', async (_what, endpoints, expected) => {
    const hint = { fields: { 'x-gateway-destination-endpoint-subset': { stringValue: endpoints } } }
    const peer = open({ ...post, metadata_context: { filter_metadata: { 'envoy.lb.subset_hint': hint } } })
    peer.send(bodyMessage('{"model":"qwen"}', true))
    expect(await peer.answer()).toMatch(expected)
  })

  test('a subset in a header of the client is none', async () => {
    const headers = { 'x-gateway-destination-endpoint-subset': '10.9.9.9:8000' }
    const peer = open(headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions', ...headers }))
    peer.send(bodyMessage('{"model":"qwen"}', true))
    expect(await peer.answer()).toMatch(/^headers x-gateway-destination-endpoint=10.0.0.1:8000 /)
  })

  test('a message of 23 MB of headers ends its stream, and no other', async () => {
    const other = open(post)
    const headers = Array.from({ length: 23 }, (_, i) => ({ key: `x-${i}`, raw_value: Buffer.alloc(1_000_000, 'x') }))
    expect(await open({ request_headers: { headers: { headers } } }).status()).toBe('8')
    other.send(bodyMessage('{"model":"qwen"}', true))
    expect(await other.answer()).toMatch(/^headers /)
  })
})

const until = (isTrue: () => Promise<boolean>) => vi.waitUntil(isTrue, { timeout: 10_000, interval: 50 })

/** One stream, as its client sees it. */
class Peer {
  readonly #stream: ClientHttp2Stream
  #received = Buffer.alloc(0)
  #status: string | undefined

  constructor(stream: ClientHttp2Stream) {
    this.#stream = stream
    const tell = (headers: Readonly<Record<string, unknown>>) => {
      if (headers['grpc-status'] !== undefined) this.#status = String(headers['grpc-status'])
    }
    stream.on('error', () => {})
    stream.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
    })
    stream.on('response', tell).on('trailers', tell)
  }

  send(message: Message): void {
    if (!this.#stream.destroyed) this.#stream.write(frame(message))
  }

  /** What has been answered so far. */
  get answers(): string[] {
    let end = 0
    const bytes = this.#received
    while (end + 5 <= bytes.length && end + 5 + bytes.readUInt32BE(end + 1) <= bytes.length) {
      end += 5 + bytes.readUInt32BE(end + 1)
    }
    return unframe(bytes.subarray(0, end)).map(describeAnswer)
  }

  /** The first answer. */
  async answer(): Promise<string> {
    return vi.waitUntil(() => this.answers[0], { timeout: 10_000, interval: 5 })
  }

  /** The gRPC status that the stream ends with. */
  async status(): Promise<string> {
    return vi.waitUntil(() => this.#status, { timeout: 10_000, interval: 5 })
  }
}

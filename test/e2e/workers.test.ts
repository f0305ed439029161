import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import {
  type ClientDuplexStream,
  credentials,
  type GrpcObject,
  type ServiceClientConstructor,
  status,
} from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadProtos } from '../../protos/load.ts'
import type { StateFeed } from '../../src/admin/wire.ts'
import type { Explanation } from '../../src/explain/explanation.ts'
import { envoy } from './envoy.ts'
import { type Scene, startScene } from './scene.ts'
import { streamUntilToldTo, Upstream } from './upstream.ts'

/** The server with the fewest requests in flight, and by chance one of several. */
const leastRequests = {
  plugins: [{ type: 'active-request-scorer' }, { type: 'max-score-picker' }],
  schedulingProfiles: [
    { name: 'default', plugins: [{ pluginRef: 'active-request-scorer' }, { pluginRef: 'max-score-picker' }] },
  ],
}

/** The pids of the processes that serve. */
function workersOf({ pid }: { readonly pid: number }): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
  return children.filter((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('/workers/entry'))
}

/** Of its ext_proc server. */
function portOf({ pid }: { readonly pid: number }): number {
  return Number(/--grpc-port=(\d+)/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))![1])
}

/** How many TCP connections a process has: a worker has those of its clients. */
function connectionsOf(pid: number): number {
  const established = '01'
  const sockets = ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1),
  )
  const inodes = sockets.map((line) => line.trim().split(/\s+/)).filter((fields) => fields[3] === established)
  const open = new Set(inodes.map((fields) => `socket:[${fields[9]}]`))
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => open.has(readlinkSync(`/proc/${pid}/fd/${fd}`))).length
}

type Answer = { request_headers?: { response?: { header_mutation?: { set_headers: { header: HeaderValue }[] } } } }
type HeaderValue = { key: string; raw_value: Buffer }

/** One connection to the ext_proc port, as a thread of Envoy has one. */
class Connection {
  readonly #client: InstanceType<ServiceClientConstructor>

  constructor(port: number) {
    const { envoy: packages } = loadProtos().grpc as { envoy: { service: { ext_proc: { v3: GrpcObject } } } }
    const ExternalProcessor = packages.service.ext_proc.v3.ExternalProcessor as ServiceClientConstructor
    this.#client = new ExternalProcessor(`127.0.0.1:${port}`, credentials.createInsecure(), {
      // Otherwise all clients of one address share one connection.
      'grpc.use_local_subchannel_pool': 1,
    })
  }

  /** Sends the headers of a GET, which has no body to wait for. Resolves to where it goes; in flight there until `end`. */
  async open() {
    const stream: ClientDuplexStream<object, Answer> = this.#client.Process()
    const ended = new Promise<number>((resolve) => stream.on('status', ({ code }) => resolve(code)))
    stream.on('error', () => {}) // its status says it
    const answer = new Promise<Answer>((resolve) => stream.once('data', resolve))
    const value = (text: string) => Buffer.from(text)
    const headers = [
      { key: ':method', raw_value: value('GET') },
      { key: ':path', raw_value: value('/metrics') },
    ]
    stream.write({
      request_headers: { headers: { headers }, end_of_stream: true },
      protocol_config: { request_body_mode: 'NONE', response_body_mode: 'STREAMED' },
    })
    const set = (await answer).request_headers?.response?.header_mutation?.set_headers ?? []
    const endpoint = set.find(({ header }) => header.key === 'x-gateway-destination-endpoint')?.header.raw_value
    return { endpoint: endpoint?.toString(), ended, end: () => void stream.end() }
  }

  close(): void {
    this.#client.close()
  }
}

describe.skipIf(envoy === undefined)('two workers', () => {
  let upstreams: Upstream[]
  let scene: Scene
  let connections: Connection[] = []

  beforeAll(async () => {
    upstreams = await Promise.all(['qwen-0', 'qwen-1'].map((name) => new Upstream(name, streamUntilToldTo).listen()))
    const serveFlags = ['--workers=2', '--drain-timeout=20s', '--admin-page']
    scene = await startScene({ servers: upstreams, configuration: leastRequests, serveFlags, envoyWorkers: 2 })
    connections = Array.from({ length: 8 }, () => new Connection(portOf(scene.signalbox)))
    // Each is there, and has gone to a worker.
    for (const connection of connections) (await connection.open()).end()
  })
  afterAll(async () => {
    for (const connection of connections) connection.close()
    await scene?.stop()
    for (const upstream of upstreams ?? []) await upstream.close()
  })

  test('see what the other one has in flight', async () => {
    const [first, second] = connections
    const held = await first.open()
    const other = upstreams.find(({ address }) => address !== held.endpoint)!.address
    const chosen = async () => {
      const endpoints = new Set<string | undefined>()
      for (let i = 0; i < 12; i++) {
        const stream = await second.open()
        endpoints.add(stream.endpoint)
        stream.end()
        await stream.ended
      }
      return [...endpoints]
    }
    // One that knows nothing of it chooses by chance.
    await expect.poll(chosen).toEqual([other])
    held.end()
    await held.ended
    await expect.poll(async () => (await chosen()).length).toBe(2)
  })

  test('explain by what they know of each other, count nothing for it, and tell the page what they decide', async () => {
    const held = await connections[0].open()
    const other = upstreams.find(({ address }) => address !== held.endpoint)!.address
    const routed = await scene.metric('signalbox_requests_total{result="routed"}')
    const body = JSON.stringify({ body: JSON.stringify({ model: 'qwen', messages: [] }) })
    const explain = async () => {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(new URL('/explain', scene.metricsUrl), { method: 'POST', headers, body })
      return (await answer.json()) as Explanation
    }
    const picked = ({ endpoints }: Explanation) => endpoints.find(({ rank }) => rank === 1)?.address
    // The worker that is asked need not be the one that has the request in flight.
    await expect.poll(async () => picked(await explain())).toBe(other)
    expect(await explain()).toMatchObject({
      outcome: 'endpoint',
      pool: { key: 'default/pool' },
      endpointCount: 2,
      profiles: [{ name: 'default', scorers: [{ plugin: 'active-request-scorer' }], picked: [other] }],
    })
    expect(await scene.metric('signalbox_requests_total{result="routed"}')).toBe(routed)
    const state = async () => (await (await fetch(new URL('/state', scene.metricsUrl))).json()) as { state: StateFeed }
    const decided = async () => (await state()).state.decisions.map(({ outcome }) => outcome)
    await expect.poll(decided).toContain('endpoint')
    held.end()
    await held.ended
  })

  test('have one page of metrics, which adds them up', async () => {
    const streams = await Promise.all(connections.map((connection) => connection.open()))
    expect(await scene.metric('signalbox_open_exchanges')).toBe(connections.length)
    expect(await scene.metric('inference_pool_ready_pods{name="default/pool"}')).toBe(2)
    for (const stream of streams) stream.end()
    await expect.poll(() => scene.metric('signalbox_open_exchanges')).toBe(0)
  })

  test('share the connections; when one is killed the streams of the other go on, and a new one takes its place', async () => {
    const routed = await scene.metric('signalbox_requests_total{result="routed"}')
    const streams = await Promise.all(connections.map((connection) => connection.open()))
    let ended = 0
    for (const stream of streams) void stream.ended.then(() => ended++)
    const [killed, left] = workersOf(scene.signalbox)
    process.kill(killed, 'SIGKILL')
    await expect.poll(() => ended).toBeGreaterThan(0)
    // Its connections open again, those of the other one are told to: some go to the worker that has begun.
    const begun = () => workersOf(scene.signalbox).filter((pid) => pid !== left)
    const dealtOut = async () => {
      for (const connection of connections) (await connection.open()).end()
      return begun().map(connectionsOf)[0] ?? 0
    }
    await expect.poll(dealtOut, { timeout: 10_000 }).toBeGreaterThan(0)
    for (const stream of streams) stream.end()
    const codes = await Promise.all(streams.map((stream) => stream.ended))
    expect(new Set(codes)).toEqual(new Set([status.OK, status.UNAVAILABLE]))
    // What the one that is gone had counted by the last look at the page stays.
    expect(await scene.metric('signalbox_requests_total{result="routed"}')).toBeGreaterThan(routed)
  })

  test('a worker that is killed under traffic costs no more than the requests that it had', async () => {
    const atOnce = 8
    let succeeded = 0
    const failures: string[] = []
    let isOver = false
    const ask = async () => {
      while (!isOver) {
        const answer = await scene.chat({})
        if (answer.status === 200) succeeded += 1
        else failures.push(`${answer.status} ${answer.body}`)
      }
    }
    const traffic = Array.from({ length: atOnce }, ask)
    await expect.poll(() => succeeded).toBeGreaterThan(100)
    const workers = workersOf(scene.signalbox)
    process.kill(workers[0], 'SIGKILL')
    await expect.poll(() => workersOf(scene.signalbox).filter((pid) => !workers.includes(pid)).length).toBe(1)
    // Envoy's threads are dealt out again: they would stay with the one that was there all along.
    const connections = () => workersOf(scene.signalbox).map(connectionsOf)
    await expect.poll(() => Math.min(...connections()), { timeout: 10_000 }).toBeGreaterThan(0)
    const before = succeeded
    await expect.poll(() => succeeded, { timeout: 10_000 }).toBeGreaterThan(before + 200)
    isOver = true
    await Promise.all(traffic)
    expect(failures.length, failures.join('\n')).toBeLessThanOrEqual(atOnce)
    await expect.poll(() => scene.metric('signalbox_open_exchanges')).toBe(0)
  })

  test('a drain ends when all have let go of their streams, and the answers under way are whole', async () => {
    const answers = await Promise.all(
      Array.from({ length: 4 }, () =>
        scene.open({ path: '/v1/chat/completions', body: '{"model":"qwen","stream":true}' }),
      ),
    )
    process.kill(scene.signalbox.pid, 'SIGTERM')
    expect(await scene.signalbox.ended).toBe('exit code 0')
    for (const upstream of upstreams) while (upstream.open.length > 0) upstream.finish()
    for (const answer of answers) {
      expect(answer.statusCode).toBe(200)
      expect((await answer.setEncoding('utf8').toArray()).join('')).toMatch(/\[DONE\]\s*$/)
    }
  })
})

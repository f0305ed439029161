import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, get, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type GrpcObject,
  Server as GrpcServer,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceClientConstructor,
} from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { loadProtos } from '../../protos/load.ts'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { envoy } from './envoy.ts'

/**
 * When Envoy ends an ext_proc stream, by the modes in which it sends answers. Whoever counts the requests in flight at a
 * model server needs to know the end of the generation: the end of the stream tells it in most modes, but not in those that
 * Envoy has nothing more to send in.
 */
type BodyMode = 'NONE' | 'STREAMED' | 'BUFFERED' | 'FULL_DUPLEX_STREAMED'
type Case = readonly [
  requestBody: BodyMode,
  headers: 'SEND' | 'SKIP',
  body: BodyMode,
  trailers: 'SEND' | 'SKIP',
  ends: Phase,
]

/** How far the upstream's answer was: it waits, answers with headers, sends events for a second, ends. */
type Phase = 'before the answer' | 'during the answer' | 'after the answer'

const duplex = 'FULL_DUPLEX_STREAMED'
const cases: readonly Case[] = [
  [duplex, 'SKIP', 'NONE', 'SKIP', 'before the answer'],
  [duplex, 'SKIP', 'NONE', 'SEND', 'after the answer'],
  [duplex, 'SKIP', 'STREAMED', 'SKIP', 'after the answer'],
  [duplex, 'SKIP', 'STREAMED', 'SEND', 'after the answer'],
  [duplex, 'SKIP', 'BUFFERED', 'SKIP', 'after the answer'],
  [duplex, 'SKIP', duplex, 'SEND', 'after the answer'],
  [duplex, 'SEND', 'NONE', 'SKIP', 'during the answer'],
  [duplex, 'SEND', 'NONE', 'SEND', 'after the answer'],
  [duplex, 'SEND', 'STREAMED', 'SKIP', 'after the answer'],
  [duplex, 'SEND', 'STREAMED', 'SEND', 'after the answer'],
  [duplex, 'SEND', 'BUFFERED', 'SKIP', 'after the answer'],
  [duplex, 'SEND', 'BUFFERED', 'SEND', 'after the answer'],
  [duplex, 'SEND', duplex, 'SEND', 'after the answer'],
  ['NONE', 'SKIP', 'NONE', 'SKIP', 'before the answer'],
  ['NONE', 'SKIP', 'NONE', 'SEND', 'after the answer'],
  ['NONE', 'SKIP', 'STREAMED', 'SKIP', 'after the answer'],
  ['NONE', 'SEND', 'NONE', 'SKIP', 'during the answer'],
  ['NONE', 'SEND', 'NONE', 'SEND', 'after the answer'],
  ['NONE', 'SEND', 'STREAMED', 'SKIP', 'after the answer'],
  ['BUFFERED', 'SKIP', 'NONE', 'SKIP', 'after the answer'],
  ['BUFFERED', 'SKIP', 'NONE', 'SEND', 'after the answer'],
  ['BUFFERED', 'SEND', 'NONE', 'SKIP', 'after the answer'],
  ['BUFFERED', 'SEND', 'STREAMED', 'SKIP', 'after the answer'],
  ['STREAMED', 'SKIP', 'NONE', 'SKIP', 'after the answer'],
  ['STREAMED', 'SKIP', 'NONE', 'SEND', 'after the answer'],
  ['STREAMED', 'SEND', 'NONE', 'SKIP', 'after the answer'],
  ['STREAMED', 'SEND', 'STREAMED', 'SKIP', 'after the answer'],
]

const headersAfterMs = 300
const eventEveryMs = 100
const events = 10

/** What the processor saw of one request. */
type Seen = { phase: Phase; readonly messages: string[]; ended: Promise<Phase> }

describe.skipIf(envoy === undefined)('an ext_proc stream ends', () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-stream-end-'))
  const seen = new Map<string, Seen>()
  const upstream = slowUpstream(seen)
  const processor = new GrpcServer()
  let program: GuardedProcess
  let ports: readonly number[]

  beforeAll(async () => {
    const { grpc } = loadProtos()
    const { envoy: packages } = grpc as { envoy: { service: { ext_proc: { v3: GrpcObject } } } }
    const ExternalProcessor = packages.service.ext_proc.v3.ExternalProcessor as ServiceClientConstructor
    processor.addService(ExternalProcessor.service, {
      Process: (stream: ServerDuplexStream<Message, object>) => serve(stream, seen),
    })
    const processorPort = await new Promise<number>((resolve, reject) => {
      processor.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      )
    })
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    const [admin, ...own] = await freePorts(1 + cases.length)
    ports = own
    const file = join(folder, 'envoy.json')
    const upstreamPort = (upstream.address() as AddressInfo).port
    writeFileSync(file, JSON.stringify(envoyConfiguration(admin, own, upstreamPort, processorPort)))
    program = new GuardedProcess({
      name: 'envoy',
      command: envoy!,
      args: ['-c', file, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning'],
    })
    await untilReady(program, () => statusOf(`http://127.0.0.1:${admin}/ready`).then((status) => status === 200))
  })

  afterAll(async () => {
    await program?.stop()
    processor.forceShutdown()
    upstream.close()
    upstream.closeAllConnections()
    rmSync(folder, { recursive: true, force: true })
  })

  test.concurrent.for(cases.map((each, i) => [...each, i] as const))(
    'request body %s, answer headers %s, body %s, trailers %s: %s',
    async ([, , , , phase, i], { expect }) => {
      await post(ports[i], `whole-${i}`)
      expect(await seen.get(`whole-${i}`)!.ended).toBe(phase)
    },
  )

  test.concurrent.for(cases.flatMap((each, i) => (each[4] === 'after the answer' ? [[...each, i] as const] : [])))(
    'request body %s, answer headers %s, body %s, trailers %s: when the client leaves',
    async ([, , , , , i], { expect }) => {
      const leaving = new AbortController()
      const answered = post(ports[i], `left-${i}`, leaving.signal).catch(() => {})
      await expect.poll(() => seen.get(`left-${i}`)?.phase, { interval: 10 }).toBe('during the answer')
      leaving.abort()
      await answered
      expect(await seen.get(`left-${i}`)!.ended).toBe('during the answer')
    },
  )

  test('with trailers alone it stays open until the end, and nothing of the answer is sent', async ({ expect }) => {
    const index = cases.findIndex(
      ([, headers, body, trailers]) => `${headers} ${body} ${trailers}` === 'SKIP NONE SEND',
    )
    await post(ports[index], `quiet-${index}`)
    expect(await seen.get(`quiet-${index}`)!.ended).toBe('after the answer')
    expect(seen.get(`quiet-${index}`)!.messages.filter((kind) => kind.startsWith('response'))).toEqual([])
  })
})

type Message = { readonly request: string } & Readonly<
  Record<string, { readonly end_of_stream?: boolean; readonly body?: Buffer }>
>

/** Leaves everything as it is. In full duplex the answer to the headers waits for the end of the body, as a router's does. */
function serve(stream: ServerDuplexStream<Message, object>, seen: Map<string, Seen>): void {
  const [name] = stream.metadata.get('x-case') as string[]
  const [requestMode, , answerMode] = cases[Number(name.split('-')[1])]
  const own = startSeen(name, seen)
  own.ended = new Promise((resolve) => {
    const end = () => {
      resolve(own.phase)
      stream.end()
    }
    stream.on('end', end).on('cancelled', end).on('error', end)
  })
  let heldHeaders = false
  const pass = (kind: string, message: Message[string]) => {
    const isDuplex = (kind === 'request_body' ? requestMode : answerMode) === duplex
    const { body = Buffer.alloc(0), end_of_stream = false } = message
    stream.write({
      [kind]: isDuplex ? { response: { body_mutation: { streamed_response: { body, end_of_stream } } } } : {},
    })
  }
  stream.on('data', (message: Message) => {
    const kind = message.request
    const content = message[kind]
    own.messages.push(content.end_of_stream ? `${kind}(end)` : kind)
    switch (kind) {
      case 'request_headers':
        if (requestMode === duplex && !content.end_of_stream) heldHeaders = true
        else stream.write({ request_headers: {} })
        break
      case 'request_body':
        if (heldHeaders) stream.write({ request_headers: {} })
        heldHeaders = false
        pass(kind, content)
        break
      case 'response_headers':
        stream.write({ response_headers: {} })
        break
      case 'response_body':
        pass(kind, content)
        break
      default:
        stream.write({ [kind]: {} })
    }
  })
}

function startSeen(name: string, seen: Map<string, Seen>): Seen {
  const own: Seen = { phase: 'before the answer', messages: [], ended: Promise.resolve('before the answer') }
  seen.set(name, own)
  return own
}

/** Answers as a model server does that takes 0.3 s to its first token and then a second. */
function slowUpstream(seen: Map<string, Seen>): Server {
  return createServer((request, answer) => {
    const own = () => seen.get(request.headers['x-case'] as string)!
    request.resume()
    setTimeout(() => {
      own().phase = 'during the answer'
      answer.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      let left = events
      const timer = setInterval(() => {
        answer.write('data: {}\n\n')
        if (--left > 0) return
        clearInterval(timer)
        own().phase = 'after the answer'
        answer.end()
      }, eventEveryMs)
    }, headersAfterMs)
  })
}

function post(port: number, name: string, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'x-case': name }
    const options = { port, method: 'POST', path: '/v1/completions', headers, agent: false, signal }
    const call = request(options, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`status ${answer.statusCode}`))
      answer.on('end', resolve).on('error', reject).resume()
    })
    call.on('error', reject)
    call.end('{"model":"qwen"}')
  })
}

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    }).on('error', reject)
  })
}

const typed = (type: string, fields: object = {}) => ({
  '@type': `type.googleapis.com/envoy.extensions.${type}`,
  ...fields,
})
const socket = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } })

function envoyConfiguration(admin: number, ports: readonly number[], upstream: number, processor: number): object {
  const cluster = (name: string, port: number, more: object = {}) => ({
    name,
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(port) } }] }] },
    ...more,
  })
  const http2 = typed('upstreams.http.v3.HttpProtocolOptions', { explicit_http_config: { http2_protocol_options: {} } })
  return {
    admin: { address: socket(admin) },
    static_resources: {
      listeners: ports.map((port, i) => ({ address: socket(port), filter_chains: [{ filters: [manager(i)] }] })),
      clusters: [
        cluster('upstream', upstream),
        cluster('processor', processor, {
          typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
        }),
      ],
    },
  }
}

function manager(i: number): object {
  const [requestBody, headers, body, trailers] = cases[i]
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'upstream', timeout: '0s' } }]
  return {
    name: 'manager',
    typed_config: typed('filters.network.http_connection_manager.v3.HttpConnectionManager', {
      stat_prefix: 'gateway',
      route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
      http_filters: [
        {
          name: 'ext_proc',
          typed_config: typed('filters.http.ext_proc.v3.ExternalProcessor', {
            grpc_service: {
              envoy_grpc: { cluster_name: 'processor' },
              initial_metadata: [{ key: 'x-case', value: '%REQ(x-case)%' }],
            },
            message_timeout: '30s',
            processing_mode: {
              request_header_mode: 'SEND',
              request_body_mode: requestBody,
              request_trailer_mode: requestBody === duplex ? 'SEND' : 'SKIP',
              response_header_mode: headers,
              response_body_mode: body,
              response_trailer_mode: trailers,
            },
          }),
        },
        { name: 'router', typed_config: typed('filters.http.router.v3.Router') },
      ],
    }),
  }
}

import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2'
import { connect as connectSocket, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { Exchanges } from '../../src/extproc/exchange.ts'
import { type GrpcMethod, GrpcServer } from '../../src/extproc/grpc-server.ts'
import { extProcService, Health } from '../../src/extproc/health.ts'
import type { Certificates } from '../../src/extproc/tls.ts'
import { listenInTest } from '../http2/serving.ts'
import { type BodyMode, bodyModes, frame, headersMessage, type Message } from './play.ts'
import type { World } from './world.ts'

export const processPath = `/${extProcService}/Process`

/** A server on a free port, closed when the test is over. */
export async function serveMethods(
  methods: ReadonlyMap<string, GrpcMethod>,
  certificates?: Certificates,
): Promise<{ server: GrpcServer; port: number }> {
  const server = new GrpcServer(methods, certificates)
  return { server, port: await listenInTest(server) }
}

/** The ext_proc service and its health in a world; `failures` are what its observer was told. */
export async function serveWorld(world: World) {
  const failures: string[] = []
  const exchanges = new Exchanges(world.context, () => world.routing, {
    failed: (reason, message) => void failures.push(`${reason}: ${message}`),
  })
  const health = new Health()
  const { server, port } = await serveMethods(new Map([...health.methods, [processPath, exchanges.process]]))
  return { server, port, exchanges, health, failures }
}

/** The socket of each session, which node:http2 itself lets nobody write to. */
const sockets = new WeakMap<ClientHttp2Session, Socket>()

/** A connection as raw as node:http2 gives it, closed when the test is over. */
export async function connectTo(port: number): Promise<ClientHttp2Session> {
  const socket = connectSocket(port, '127.0.0.1')
  const session = connect(`http://127.0.0.1:${port}`, {
    createConnection: () => socket,
    // Megabytes: streams that are reset stay open on this side.
    maxSessionMemory: 1024,
  })
  sockets.set(session, socket)
  session.on('error', () => {})
  onTestFinished(() => session.destroy())
  await once(session, 'remoteSettings')
  return session
}

/** One gRPC call by hand. */
export class RawCall {
  readonly stream: ClientHttp2Stream
  #received: Buffer[] = []
  #receivedBytes = 0
  #headers: IncomingHttpHeaders = {}
  #trailers: IncomingHttpHeaders = {}
  readonly #closed: Promise<void>
  #onData: () => void = () => {}

  constructor(session: ClientHttp2Session, path = processPath, headers: Readonly<Record<string, string>> = {}) {
    const fixed = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' }
    this.stream = session.request({ ...fixed, ...headers })
    this.stream.on('error', () => {})
    this.stream.on('response', (received) => (this.#headers = received))
    this.stream.on('trailers', (received) => (this.#trailers = received))
    this.stream.on('data', (chunk: Buffer) => {
      this.#received.push(chunk)
      this.#receivedBytes += chunk.length
      this.#onData()
    })
    this.#closed = new Promise((resolve) => this.stream.once('close', resolve))
  }

  get received(): Buffer {
    return Buffer.concat(this.#received)
  }

  /** Resolves when so many bytes have come, or the stream is closed. */
  untilReceived(bytes: number): Promise<void> {
    const enough = new Promise<void>((resolve) => {
      this.#onData = () => {
        if (this.#receivedBytes >= bytes) resolve()
      }
      this.#onData()
    })
    return Promise.race([enough, this.#closed])
  }

  /** HTTP status, gRPC status and message, and the code of the RST_STREAM that came, when the stream is over. */
  async result() {
    await this.#closed
    const { 'grpc-status': status, 'grpc-message': message } = { ...this.#headers, ...this.#trailers }
    return {
      http: this.#headers[':status'],
      status: status === undefined ? undefined : Number(status),
      message: message === undefined ? undefined : decodeURIComponent(String(message)),
      reset: this.stream.rstCode,
    }
  }

  /** RST_STREAM alone, as Envoy sends it: node:http2 would end the stream first. Nothing more is heard of this call. */
  reset(code: number = constants.NGHTTP2_CANCEL): void {
    const frame = Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, code])
    frame.writeUInt32BE(this.stream.id!, 5)
    sockets.get(this.stream.session as ClientHttp2Session)!.write(frame)
  }
}

/** The frames of a request that Envoy would send in `mode`. */
export function requestFrames(mode: BodyMode, chunks: readonly (string | Buffer)[]): Buffer[] {
  const first = headersMessage({ ':method': 'POST', ':path': '/v1/chat/completions' })
  const bodies: Message[] = chunks.map((body, i) => ({
    request_body: { body: Buffer.from(body), end_of_stream: i === chunks.length - 1 },
  }))
  return [{ ...first, protocol_config: bodyModes[mode] }, ...bodies].map(frame)
}

import {
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { grpcStatus } from './message-reader.ts'
import type { Certificates } from './tls.ts'

/** Serves one method: takes the stream with its request headers. The stream's errors are handled by the server. */
export type GrpcMethod = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void

/**
 * Envoy ends nearly every ext_proc stream with RST_STREAM. Node's default allows 1,000 resets on a connection and 33 a second,
 * then closes it with GOAWAY and fails the requests in flight; that guard is against clients, and Envoy is none.
 */
const unlimited = 2 ** 31 - 1

const http2Options: ServerOptions = {
  streamResetBurst: unlimited,
  streamResetRate: unlimited,
  // Megabytes for all streams of one connection, of which Envoy has one a worker; bodies that are held count.
  maxSessionMemory: 4096,
  settings: {
    // A low limit fails requests: Envoy opens streams before it has read the settings.
    maxConcurrentStreams: unlimited,
    // Bytes in flight on a stream before it is read: bounds what a stream that is not being read can hold.
    initialWindowSize: 256 * 1024,
  },
}

/** Bytes in flight on a connection, all streams together. */
const connectionWindowBytes = 64 * 1024 * 1024

/** GOAWAY that names no stream as the last: take another connection for new ones, all of this one are served (RFC 9113, 6.8). */
const shutdownNotice = Buffer.from('0000080700000000007fffffff00000000', 'hex')

/** A gRPC server of few methods on node:http2, which, unlike grpc-js, can be told to bear Envoy's resets. */
export class GrpcServer {
  readonly #methods: ReadonlyMap<string, GrpcMethod>
  readonly #server: Http2Server
  readonly #sessions = new Set<ServerHttp2Session>()
  /** Of the plaintext connections whose clients have not been told to go elsewhere. */
  readonly #sockets = new Set<Socket>()

  /** @param methods by path: `/package.Service/Method` */
  constructor(methods: ReadonlyMap<string, GrpcMethod>, certificates: Certificates | undefined) {
    this.#methods = methods
    this.#server =
      certificates === undefined
        ? createServer(http2Options)
        : createSecureServer({ ...http2Options, ...certificates.current } as SecureServerOptions)
    certificates?.onChange((pair) => {
      if ('setSecureContext' in this.#server) (this.#server.setSecureContext as (pair: object) => void)(pair)
    })
    if (certificates === undefined) {
      this.#server.on('connection', (socket: Socket) => {
        this.#sockets.add(socket)
        socket.on('close', () => this.#sockets.delete(socket))
      })
    }
    this.#server.on('session', (session: ServerHttp2Session) => {
      session.setLocalWindowSize(connectionWindowBytes)
      this.#sessions.add(session)
      session.on('close', () => this.#sessions.delete(session))
    })
    this.#server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => this.#serve(stream, headers))
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // A stream that breaks is its client's business; whoever serves it is told by its `close`.
    stream.on('error', ignore)
    if (headers[':method'] !== 'POST' || !headers['content-type']?.startsWith('application/grpc')) {
      stream.respond({ ':status': 415 }, { endStream: true })
      return
    }
    const method = this.#methods.get(headers[':path']!)
    if (method === undefined) return endWithStatus(stream, grpcStatus.unimplemented, `no method ${headers[':path']}`)
    method(stream, headers)
  }

  /** Resolves to the port. @throws the error of listen(), such as EADDRINUSE */
  listen(port: number, host: string | undefined): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        resolve((this.#server.address() as AddressInfo).port)
      })
    })
  }

  /**
   * Tells clients to open new streams on new connections, and goes on to serve all that come on the old ones: with
   * {@link close} alone those that are on their way are lost. Node has no function for that first GOAWAY of two, so it is
   * written beside nghttp2, which hands whole frames to the socket. A TLS socket takes no second writer, so there it is left out.
   */
  announceShutdown(): void {
    for (const socket of this.#sockets) socket.write(shutdownNotice)
    this.#sockets.clear()
  }

  /** Tells clients to take other connections (GOAWAY) and takes none; resolves when open streams have ended. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  /** Cuts what is still open. */
  destroy(): void {
    for (const session of this.#sessions) session.destroy()
  }
}

const ignore = (): void => {}

const responseHeaders: OutgoingHttpHeaders = { ':status': 200, 'content-type': 'application/grpc' }

/** Opens the answer of a method that sends messages; {@link endWithStatus} ends it. */
export function beginResponse(stream: ServerHttp2Stream): void {
  stream.respond(responseHeaders, { waitForTrailers: true })
}

/**
 * Ends the stream with a gRPC status, in trailers when messages have been sent, else in the headers. A client that has not
 * ended its side is told that nothing more is read (RST_STREAM with NO_ERROR; RFC 9113, section 8.1), so that no stream stays
 * half open.
 */
export function endWithStatus(stream: ServerHttp2Stream, status: number, message = ''): void {
  if (stream.destroyed || stream.closed) return
  const trailers: OutgoingHttpHeaders = { 'grpc-status': status }
  // Percent-encoding: gRPC over HTTP/2, "Responses".
  if (message !== '') trailers['grpc-message'] = encodeURI(message)
  if (stream.headersSent) {
    stream.once('wantTrailers', () => {
      stream.sendTrailers(trailers)
      stopReading(stream)
    })
    stream.end()
  } else {
    stream.respond({ ...responseHeaders, ...trailers }, { endStream: true })
    stopReading(stream)
  }
}

function stopReading(stream: ServerHttp2Stream): void {
  // Not at once: a reset takes back trailers that are not on their way yet.
  if (!stream.readableEnded) setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR))
}

import { encodeHeaders } from '../http2/hpack/encode.ts'
import { headerOf } from '../http2/request-headers.ts'
import { Http2Server } from '../http2/server.ts'
import type { ServerStream, StreamListener } from '../http2/stream.ts'
import { grpcStatus } from './message-reader.ts'
import type { Certificates } from './tls.ts'

/** Serves one method: takes the stream with its request headers (see {@link headerOf}), valid for the time of the call. */
export type GrpcMethod = (stream: ServerStream, headers: readonly string[]) => StreamListener

/** A gRPC server of few methods, on our own HTTP/2. */
export class GrpcServer {
  readonly #methods: ReadonlyMap<string, GrpcMethod>
  readonly #server: Http2Server

  /** @param methods by path: `/package.Service/Method` */
  constructor(methods: ReadonlyMap<string, GrpcMethod>, certificates: Certificates | undefined) {
    this.#methods = methods
    this.#server = new Http2Server((stream, headers) => this.#serve(stream, headers), certificates?.current)
    certificates?.onChange((pair) => this.#server.setKeyPair(pair))
  }

  #serve(stream: ServerStream, headers: readonly string[]): StreamListener {
    if (headerOf(headers, ':method') !== 'POST' || !headerOf(headers, 'content-type')?.startsWith('application/grpc')) {
      stream.respond(noGrpc, true)
      return deaf
    }
    const path = headerOf(headers, ':path')!
    const method = this.#methods.get(path)
    if (method === undefined) {
      endWithStatus(stream, grpcStatus.unimplemented, `no method ${path}`)
      return deaf
    }
    try {
      return method(stream, headers)
    } catch {
      endWithStatus(stream, grpcStatus.internal, 'internal error')
      return deaf
    }
  }

  /** Resolves to the port. @throws the error of listen(), such as EADDRINUSE */
  listen(port: number, host: string | undefined): Promise<number> {
    return this.#server.listen(port, host)
  }

  /** See {@link Http2Server.announceShutdown}. */
  announceShutdown(): void {
    this.#server.announceShutdown()
  }

  /** Tells clients to take other connections (GOAWAY) and takes none; resolves when open streams have ended. */
  close(): Promise<void> {
    return this.#server.close()
  }

  /** Cuts what is still open. */
  destroy(): Promise<void> {
    return this.#server.destroy()
  }
}

/** Of streams whose answer has been given. */
const deaf: StreamListener = { data() {}, end() {}, closed() {} }

const noGrpc = encodeHeaders({ ':status': '415' })
const response = { ':status': '200', 'content-type': 'application/grpc' }
const responseHeaders = encodeHeaders(response)
const okTrailers = encodeHeaders({ 'grpc-status': String(grpcStatus.ok) })

/** Opens the answer of a method that sends messages; {@link endWithStatus} ends it. */
export function beginResponse(stream: ServerStream): void {
  stream.respond(responseHeaders)
}

/**
 * Ends the stream with a gRPC status, in trailers when the answer has been opened, else in the headers. A client that has not
 * ended its side is told that nothing more is read.
 */
export function endWithStatus(stream: ServerStream, status: number, message = ''): void {
  if (stream.hasAnswered)
    stream.end(message === '' && status === grpcStatus.ok ? okTrailers : trailersOf(status, message))
  else stream.respond(encodeHeaders({ ...response, ...statusHeaders(status, message) }), true)
}

const trailersOf = (status: number, message: string) => encodeHeaders(statusHeaders(status, message))

/** Characters of a status message, which must fit into one frame of headers. */
const maxStatusMessage = 1000

function statusHeaders(status: number, message: string): Readonly<Record<string, string>> {
  const headers = { 'grpc-status': String(status) }
  // Percent-encoding: gRPC over HTTP/2, "Responses".
  return message === ''
    ? headers
    : { ...headers, 'grpc-message': encodeURI(message.slice(0, maxStatusMessage).toWellFormed()) }
}

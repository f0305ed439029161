import { once } from 'node:events'
import { connect as connectSocket, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { RequestHandler } from '../../src/http2/connection.ts'
import { encodeHeaders } from '../../src/http2/hpack/encode.ts'
import { Http2Server, type KeyPair } from '../../src/http2/server.ts'
import type { ServerStream, StreamListener } from '../../src/http2/stream.ts'

/** A server on a free port, closed when the test is over. */
export async function serveHttp2(
  serve: RequestHandler,
  keyPair?: KeyPair,
): Promise<{ server: Http2Server; port: number }> {
  const server = new Http2Server(serve, keyPair)
  const port = await server.listen(0, '127.0.0.1')
  onTestFinished(() => {
    const closed = server.close()
    server.destroy()
    return closed
  })
  return { server, port }
}

export const okBlock = encodeHeaders({ ':status': '200', 'content-type': 'application/grpc' })
export const trailersBlock = encodeHeaders({ 'grpc-status': '0' })

/** Sends back what comes, and ends when the client does. */
export function echo(stream: ServerStream): StreamListener {
  stream.respond(okBlock)
  return {
    data(chunk, start, end) {
      stream.write(chunk.subarray(start, end))
      stream.flush()
    },
    end: () => stream.end(trailersBlock),
    closed() {},
  }
}

/** What an echo serves, and the open streams that it knows of. */
export function countedEcho(): { serve: RequestHandler; open: Set<ServerStream>; timesClosed: () => number } {
  const open = new Set<ServerStream>()
  let timesClosed = 0
  const serve: RequestHandler = (stream) => {
    open.add(stream)
    const listener = echo(stream)
    return {
      ...listener,
      closed() {
        timesClosed++
        open.delete(stream)
      },
    }
  }
  return { serve, open, timesClosed: () => timesClosed }
}

/** A TCP connection on which a client says what it likes, closed when the test is over. */
export async function connectRaw(port: number): Promise<Socket> {
  const socket = connectSocket(port, '127.0.0.1')
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

import { once } from 'node:events'
import { connect as connectSocket, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { RequestHandler } from '../../src/http2/connection.ts'
import { Http2Server, type KeyPair } from '../../src/http2/server.ts'
import type { ServerStream } from '../../src/http2/stream.ts'
import { echo } from './echo.ts'

/** A server on a free port, closed when the test is over. */
export async function serveHttp2(
  serve: RequestHandler,
  keyPair?: KeyPair,
): Promise<{ server: Http2Server; port: number }> {
  const server = new Http2Server(serve, keyPair)
  return { server, port: await listenInTest(server) }
}

/** Has a server listen on a free port until the test is over. Resolves to the port. */
export async function listenInTest(server: Pick<Http2Server, 'listen' | 'close' | 'destroy'>): Promise<number> {
  const port = await server.listen(0, '127.0.0.1')
  onTestFinished(() => {
    const closed = server.close()
    server.destroy()
    return closed
  })
  return port
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

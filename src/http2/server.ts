import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:tls'
import { Connection, type RequestHandler } from './connection.ts'
import { prefaceTimeoutMs } from './limits.ts'

/** A certificate and its key, PEM. */
export type KeyPair = { readonly cert: string; readonly key: string }

/** From when on a client that is gone without a word is asked by TCP whether it is there, milliseconds. */
const keepAliveMs = 60_000
const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs }

/** An HTTP/2 server on TCP (with prior knowledge) or TLS (ALPN `h2`). */
export class Http2Server {
  readonly #server: Server | SecureServer
  /** All that have been accepted; those of TLS may still shake hands. */
  readonly #sockets = new Set<Socket>()
  readonly #connections = new Set<Connection>()
  /** The last connection has gone. */
  #emptied = ignore

  /** @param keyPair undefined for plaintext */
  constructor(serve: RequestHandler, keyPair: KeyPair | undefined) {
    const accept = (socket: Socket) => {
      const connection = new Connection(socket, serve)
      this.#connections.add(connection)
      // A connection that breaks is its client's business; whoever serves its streams is told.
      socket.on('error', ignore)
      socket.on('close', () => {
        this.#connections.delete(connection)
        connection.closed()
        if (this.#connections.size === 0) this.#emptied()
      })
      // Its handshake has taken until now.
      if (!this.#server.listening) connection.close()
    }
    this.#server =
      keyPair === undefined
        ? createServer(socketOptions, accept)
        : createSecureServer(
            { ...socketOptions, ...keyPair, ALPNProtocols: ['h2'], handshakeTimeout: prefaceTimeoutMs },
            accept,
          )
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('tlsClientError', (_error, socket: Socket) => socket.destroy())
  }

  /** Of connections that come from now on. */
  setKeyPair(keyPair: KeyPair): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(keyPair)
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
   * {@link close} alone those that are on their way are lost.
   */
  announceShutdown(): void {
    for (const connection of this.#connections) connection.announceShutdown()
  }

  /** Takes no more connections or streams; resolves when open streams have ended. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const connection of this.#connections) connection.close()
    })
  }

  /** Cuts what is still open; resolves when all streams have been told. */
  destroy(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    return new Promise((resolve) => {
      if (this.#connections.size === 0) resolve()
      else this.#emptied = resolve
    })
  }
}

function ignore(): void {}

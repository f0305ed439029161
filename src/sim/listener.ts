import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Opens and closes the port of a server, any number of times. */
export class Listener {
  readonly #server: Server
  readonly #host: string
  #port: number

  constructor(server: Server, host: string, port: number) {
    this.#server = server
    this.#host = host
    this.#port = port
    // A connection that is kept alive would otherwise outlive the last request that close() waits for.
    server.on('request', (_, response) =>
      response.on('close', () => {
        if (!server.listening) server.closeIdleConnections()
      }),
    )
  }

  /** The real one, also where 0 was asked for, once it has listened. */
  get port(): number {
    return this.#port
  }

  /** Rejects with the error of the operating system, e.g. EADDRINUSE. */
  async open(): Promise<void> {
    if (this.#server.listening) return
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#port, this.#host, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Takes no new connection from now on; open ones have `graceMs` to end their requests, then they are cut. */
  async close(graceMs: number): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise((resolve) => this.#server.close(resolve))
    const cut = setTimeout(() => this.#server.closeAllConnections(), graceMs)
    await closed
    clearTimeout(cut)
  }
}

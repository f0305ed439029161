import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { KubeConfig, type User } from '@kubernetes/client-node'
import { KubeClient } from '../../src/kubernetes/client.ts'

/** One call that a client made and that a test answers. */
export class Call {
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly method: string
  readonly headers: IncomingMessage['headers']
  readonly #request: IncomingMessage
  readonly #response: ServerResponse

  constructor(request: IncomingMessage, response: ServerResponse) {
    const url = new URL(request.url!, 'http://api')
    this.path = url.pathname
    this.query = Object.fromEntries(url.searchParams)
    this.method = request.method!
    this.headers = request.headers
    this.#request = request
    this.#response = response
  }

  /** The body that came with it. */
  async text(): Promise<string> {
    return (await this.#request.toArray()).join('')
  }

  get isWatch(): boolean {
    return this.query.watch === 'true'
  }

  answer(value: object, status = 200, headers: Readonly<Record<string, string>> = {}): void {
    this.#response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
  }

  answerText(text: string, status: number, contentType = 'text/plain'): void {
    this.#response.writeHead(status, { 'content-type': contentType }).end(text)
  }

  /** Begins a watch, or goes on with it. Bytes go out as they are, so that a test can cut an event anywhere. */
  send(...parts: readonly (object | Buffer)[]): void {
    if (!this.#response.headersSent) {
      this.#response.writeHead(200, { 'content-type': 'application/json' })
      this.#response.flushHeaders()
    }
    for (const part of parts) this.#response.write(Buffer.isBuffer(part) ? part : `${JSON.stringify(part)}\n`)
  }

  end(): void {
    this.#response.end()
  }

  /** Cuts the connection. */
  break(): void {
    this.#response.destroy()
  }
}

/** An API server that does what a test says, call by call. */
export async function startScriptedApi(user: User = { name: 'user', token: 'secret' }) {
  const waiting: Call[] = []
  const takers: ((call: Call) => void)[] = []
  const server = createServer((request, response) => {
    const call = new Call(request, response)
    const take = takers.shift()
    if (take === undefined) waiting.push(call)
    else take(call)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const config = new KubeConfig()
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  config.loadFromClusterAndUser({ name: 'scripted', server: url, skipTLSVerify: true }, user)
  return {
    client: new KubeClient(config),
    /** The next call, in the order in which they came. */
    next: () => new Promise<Call>((resolve) => (waiting.length > 0 ? resolve(waiting.shift()!) : takers.push(resolve))),
    get pending() {
      return waiting.length
    },
    async close() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as it reached a model server. */
export type Arrival = {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Answers one request. */
export type Answering = (arrival: Arrival, response: ServerResponse, upstream: Upstream) => void

/** A model server whose answers the test has in its hand. Its metrics say that it has nothing to do, if not told otherwise. */
export class Upstream {
  readonly name: string
  /** Every request but those for metrics, in the order in which their bodies were complete. */
  readonly arrivals: Arrival[] = []
  /** Streams that {@link streamUntilToldTo} has begun and nobody has ended. */
  readonly open: ServerResponse[] = []
  /** Requests that are here now, and the most that ever were. */
  running = 0
  mostRunning = 0
  /** Answers 503 to everything. */
  isUnavailable = false
  /** Answers who asks for metrics. */
  metrics: (response: ServerResponse) => void = answerIdleMetrics
  readonly #answering: Answering
  readonly #server = createServer((request, response) => this.#serve(request, response))

  constructor(name: string, answering: Answering = answerJson) {
    this.name = name
    this.#answering = answering
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** `ip:port` */
  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** The only request that has arrived. */
  get onlyArrival(): Arrival {
    if (this.arrivals.length !== 1) throw new Error(`${this.name} got ${this.arrivals.length} requests, not 1`)
    return this.arrivals[0]
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  /** Ends the oldest open stream. */
  finish(): void {
    const response = this.open.shift()
    if (response === undefined) throw new Error(`${this.name} has no open stream`)
    response.end('data: [DONE]\n\n')
  }

  /** Breaks the oldest open stream off. */
  breakOff(): void {
    this.open[0].destroy()
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/metrics') return this.metrics(response)
    if (this.isUnavailable) return void response.writeHead(503).end()
    response.setHeader(servedBy, this.name)
    this.mostRunning = Math.max(this.mostRunning, ++this.running)
    response.on('close', () => this.running--)
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk)
    } catch {
      return // the client has gone
    }
    const arrival: Arrival = {
      method: request.method!,
      path: request.url!,
      headers: request.headers,
      body: Buffer.concat(chunks),
    }
    this.arrivals.push(arrival)
    this.#answering(arrival, response, this)
  }
}

/** The page of a server that has nothing to do. */
export const answerIdleMetrics = (response: ServerResponse): void => {
  response.end('vllm:num_requests_waiting 0\nvllm:kv_cache_usage_perc 0\n')
}

/** Says in every answer which server it came from. */
export const servedBy = 'x-served-by'

/** The end of a whole answer at once. */
export const answerJson: Answering = (_arrival, response) => {
  const body = '{"object":"chat.completion","choices":[]}'
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
}

/** A first event at once for requests with `"stream":true`; the rest when {@link Upstream.finish} is called. */
export const streamUntilToldTo: Answering = (arrival, response, upstream) => {
  if (!arrival.body.includes('"stream":true')) return answerJson(arrival, response, upstream)
  upstream.open.push(response)
  response.on('close', () => {
    const place = upstream.open.indexOf(response)
    if (place >= 0) upstream.open.splice(place, 1)
  })
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write('data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Mind"}}]}\n\n')
}

import { Agent, type IncomingHttpHeaders, request as startRequest } from 'node:http'
import type { Writable } from 'node:stream'

export type Sent = {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes and text are sent with their content-length, anything else chunk by chunk without one. */
  readonly body?: Buffer | string | AsyncIterable<Buffer | string>
  readonly signal?: AbortSignal
}

export type Received = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** When each piece of the body came, milliseconds since the request began. */
  readonly arrivalsMs: readonly number[]
  /** Body bytes that were sent before the answer began. */
  readonly sentBytes: number
}

/** An HTTP/1.1 client of one server that keeps its connections. */
export class Client {
  readonly #base: URL
  readonly #agent: Agent

  /** @param maxConnections further requests wait for one of these. */
  constructor(url: string, maxConnections = Number.POSITIVE_INFINITY) {
    this.#base = new URL(url)
    this.#agent = new Agent({ keepAlive: true, maxSockets: maxConnections, maxFreeSockets: 256 })
  }

  close(): void {
    this.#agent.destroy()
  }

  /**
   * Resolves with any complete answer, whatever its status. Stops sending when the answer begins.
   * @throws an Error when the connection fails or the answer breaks off.
   */
  send({ method, path, headers = {}, body, signal }: Sent): Promise<Received> {
    return new Promise((resolve, reject) => {
      const startMs = performance.now()
      const request = startRequest(new URL(path, this.#base), {
        agent: this.#agent,
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(signal === undefined ? {} : { signal }),
      })
      let sentBytes = 0
      let answered = false
      request.on('error', reject)
      request.on('response', (response) => {
        answered = true
        const chunks: Buffer[] = []
        const arrivalsMs: number[] = []
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          arrivalsMs.push(performance.now() - startMs)
        })
        response.on('error', reject)
        response.on('end', () => {
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            body: Buffer.concat(chunks),
            arrivalsMs,
            sentBytes,
          })
          if (!request.writableEnded) request.destroy()
        })
      })
      if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) {
        sentBytes = body === undefined ? 0 : Buffer.byteLength(body)
        request.end(body)
        return
      }
      request.flushHeaders()
      const sendChunks = async (chunks: AsyncIterable<Buffer | string>) => {
        for await (const chunk of chunks) {
          if (answered || request.destroyed) return
          sentBytes += Buffer.byteLength(chunk)
          if (!request.write(chunk)) await drained(request)
        }
        request.end()
      }
      sendChunks(body).catch((error) => request.destroy(error))
    })
  }
}

/** Resolves when more can be written to a request or a socket, or nothing need be. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const proceed = () => {
      stream.off('drain', proceed).off('response', proceed).off('close', proceed)
      resolve()
    }
    stream.on('drain', proceed).on('response', proceed).on('close', proceed)
  })
}

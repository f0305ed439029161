import { Agent, type IncomingMessage, request } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import type { Clock } from '../clock.ts'

/** Where the metrics pages of one endpoint come from. */
export type MetricsSource = {
  /** The page as it is now. One at a time: the caller waits for the end of a fetch before the next. */
  fetch(): Promise<Buffer>
  /** Breaks off a fetch under way, which then fails, and closes the connection. */
  close(): void
}

export type MetricsSourceLimits = {
  /** From the start of a fetch to the last byte of the page. */
  readonly timeoutMs: number
  /** A longer page is refused. */
  readonly maxPageBytes: number
  /** A connection unused for so long is closed: by us, before the 5 s after which uvicorn would. */
  readonly idleConnectionMs: number
}

export const metricsSourceLimits: MetricsSourceLimits = {
  timeoutMs: 1_000,
  maxPageBytes: 4 * 1024 * 1024,
  idleConnectionMs: 3_000,
}

/** Which page of an endpoint has its metrics. */
export type MetricsPlace = {
  readonly scheme: 'http' | 'https'
  /** Begins with `/`. */
  readonly path: string
  /** Undefined is the endpoint's own port. */
  readonly port: number | undefined
  /** With https, takes any certificate: those of model servers are mostly for no name that could be checked. */
  readonly insecureSkipVerify: boolean
}

export const metricsPlace: MetricsPlace = {
  scheme: 'http',
  path: '/metrics',
  port: undefined,
  insecureSkipVerify: true,
}

/**
 * `http://{address}/metrics`, if not told otherwise, over a connection of its own, which is kept open between fetches.
 * @param address `ip:port` or `[ip]:port`
 */
export function openMetricsSource(
  address: string,
  clock: Clock,
  limits = metricsSourceLimits,
  place = metricsPlace,
): MetricsSource {
  const portAt = address.lastIndexOf(':')
  const connections = { keepAlive: true, maxSockets: 1, timeout: limits.idleConnectionMs }
  const isTls = place.scheme === 'https'
  const agent = isTls
    ? new TlsAgent({ ...connections, rejectUnauthorized: !place.insecureSkipVerify })
    : new Agent(connections)
  const options = {
    agent,
    host: address.slice(0, portAt).replace(/^\[|\]$/g, ''),
    port: place.port ?? Number(address.slice(portAt + 1)),
    path: place.path,
    headers: { accept: 'text/plain;version=0.0.4' },
  }
  return {
    fetch() {
      return new Promise<Buffer>((resolve, reject) => {
        const outgoing = isTls ? tlsRequest(options) : request(options)
        const fail = (cause: Error) => {
          reject(cause)
          outgoing.destroy()
        }
        const timeout = () => fail(new Error(`no page within ${limits.timeoutMs} ms`))
        outgoing.once('close', clock.after(limits.timeoutMs, timeout))
        outgoing.once('response', (response) => readPage(response, limits.maxPageBytes, resolve, fail))
        outgoing.on('error', reject)
        outgoing.end()
      })
    },
    close() {
      agent.destroy()
    },
  }
}

function readPage(
  response: IncomingMessage,
  maxPageBytes: number,
  resolve: (page: Buffer) => void,
  fail: (cause: Error) => void,
): void {
  response.on('error', fail)
  if (response.statusCode !== 200) {
    fail(new Error(`status ${response.statusCode}`))
    return
  }
  const chunks: Buffer[] = []
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    chunks.push(chunk)
    if (bytes > maxPageBytes) fail(new Error(`page over ${maxPageBytes} bytes`))
  })
  response.once('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, bytes)))
}

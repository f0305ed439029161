import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Access } from './access.ts'
import type { Console, Explain } from './console.ts'
import { keepAliveMs, maxExplainBytes } from './limits.ts'
import type { PageFile } from './page-files.ts'
import { answerText, type Handler, type Routes } from './route.ts'
import type { MetricsSource } from './sampler.ts'

export type AdminOptions = {
  readonly port: number
  /** Undefined for all addresses. */
  readonly host: string | undefined
  readonly access: Access
  readonly metrics: MetricsSource
  /** The admin page, where there is one. */
  readonly console?: Console | undefined
  readonly explain?: Explain | undefined
}

/** Nothing but what this server has itself: no scripts in the page, no other places, no frames around it. */
const pageHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
}

/** Serves the metrics port. Resolves to the server when it listens. @throws the error of listen(), such as EADDRINUSE */
export function serveAdmin(options: AdminOptions): Promise<Server> {
  const { access, console, explain } = options
  const routes: Routes = {
    '/metrics': { GET: metricsHandler(options.metrics) },
    ...console?.routes,
    ...(explain && { '/explain': { POST: explainHandler(explain) } }),
  }
  const server = createServer((request, response) => {
    response.setHeader('x-content-type-options', 'nosniff')
    answer(request, response).catch((error: Error) => {
      if (response.headersSent) response.destroy()
      else answerText(response, 500, `it failed by a defect of this service: ${error.message}`)
    })
  })

  server.keepAliveTimeout = keepAliveMs

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url!.split('?', 1)[0]
    const method = request.method === 'HEAD' ? 'GET' : request.method!
    // The page's own files tell nothing, and without them nobody could enter a token.
    const file = console?.files.get(path)
    if (file !== undefined && method === 'GET') return answerFile(request, response, file)
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined
    if (route === undefined) return answerText(response, 404, `there is: ${Object.keys(routes).join(' ')}`)
    const handler = Object.hasOwn(route, method) ? route[method as 'GET' | 'POST'] : undefined
    if (handler === undefined) {
      response.setHeader('allow', Object.keys(route).join(', '))
      return answerText(response, 405, `${path} takes ${Object.keys(route).join(', ')}`)
    }
    const denial = await access(request, path)
    if (denial === undefined) return handler(request, response)
    if (denial.status === 401) response.setHeader('www-authenticate', 'Bearer')
    answerText(response, denial.status, denial.message)
  }

  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => resolve(server))
  })
}

export const portOf = (server: Server): number => (server.address() as AddressInfo).port

/** `?name[]=FAMILY&name[]=…`: those families alone. */
const metricsHandler =
  (metrics: MetricsSource): Handler =>
  (request, response) => {
    const names = new URL(request.url!, 'http://localhost').searchParams.getAll('name[]')
    const pieces = metrics.pieces(names.length === 0 ? undefined : new Set(names))
    response.writeHead(200, { 'content-type': metrics.contentType })
    // Who stops reading gets no more, and that is all there is to it.
    return pipeline(Readable.from(pieces, { objectMode: true, highWaterMark: 2 }), response).catch(() => {})
  }

/** JSON alone: a page of another site can't send that without asking first. */
const explainHandler =
  (explain: Explain): Handler =>
  async (request, response) => {
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
      return answerText(response, 415, 'POST /explain takes Content-Type: application/json')
    }
    const body = await readBody(request)
    if (body === undefined) {
      response.setHeader('connection', 'close')
      return answerText(response, 413, `POST /explain takes at most ${maxExplainBytes} bytes`)
    }
    const { status, contentType, body: text } = await explain(body, request.headers.accept)
    response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' }).end(text)
  }

/** Undefined for one that is too large. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > maxExplainBytes) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

function answerFile(request: IncomingMessage, response: ServerResponse, { contentType, body, etag }: PageFile): void {
  const headers = { ...pageHeaders, etag }
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, headers).end()
    return
  }
  response.writeHead(200, { ...headers, 'content-type': contentType, 'content-length': body.length }).end(body)
}

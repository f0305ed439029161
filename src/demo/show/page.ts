import { createServer, type IncomingMessage, type ServerResponse, request as startRequest } from 'node:http'
import type { ScenarioFeed } from '../scenario-feed.ts'

export type DemoPage = { readonly url: string; close(): Promise<void> }

/** src/admin/page/scenario.js: in the document of a demo alone. */
const scenarioModule = '<script type="module" src="scenario.js"></script>'

/**
 * Serves Signalbox's admin page on 127.0.0.1. With a scenario, `GET /scenario` says how it stands, and the document names the
 * module that shows it; everything else is passed through to Signalbox's metrics port and back as it is.
 * @param port 0 takes a free one
 * @param metricsUrl any address of the metrics port
 */
export async function servePage(
  port: number,
  metricsUrl: string,
  feed: (() => ScenarioFeed) | undefined,
): Promise<DemoPage> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0]
    if (feed !== undefined && path === '/scenario') sendFeed(response, feed())
    else ask(request, response, new URL(metricsUrl), feed !== undefined && path === '/' ? sendDocument : sendAsItIs)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const { port: taken } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${taken}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections() // streams of events never end by themselves
      }),
  }
}

function sendFeed(response: ServerResponse, feed: ScenarioFeed): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  response.writeHead(200, headers).end(JSON.stringify(feed))
}

type Send = (answer: IncomingMessage, response: ServerResponse) => void

/** With the headers as they are, Host too: Signalbox looks at it, so that no other site can reach it through a browser. */
function ask(request: IncomingMessage, response: ServerResponse, { hostname, port }: URL, send: Send): void {
  const { method, url: path, headers } = request
  const asked = startRequest({ hostname, port, method, path, headers }, (answer) => send(answer, response))
  asked.on('error', () => {
    if (response.headersSent) response.destroy()
    else response.writeHead(502, { 'content-type': 'text/plain' }).end('Signalbox does not answer\n')
  })
  response.on('close', () => asked.destroy())
  request.pipe(asked)
}

const sendAsItIs: Send = (answer, response) => {
  response.writeHead(answer.statusCode!, answer.headers)
  answer.pipe(response)
}

const sendDocument: Send = (answer, response) => {
  let text = ''
  answer.setEncoding('utf8').on('data', (piece) => {
    text += piece
  })
  answer.on('error', () => response.destroy())
  answer.on('end', () => {
    const body = text.replace('</head>', `${scenarioModule}\n</head>`)
    const { 'content-length': _, etag: __, 'transfer-encoding': ___, ...headers } = answer.headers
    response.writeHead(answer.statusCode!, headers).end(body)
  })
}

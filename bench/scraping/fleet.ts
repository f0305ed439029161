import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { vllmPage } from '../../test/pool/vllm-page.ts'
import { type Fleet, fleetLabels, fleetNamespace } from '../peers/fleet.ts'

/** A fleet that knows when it was scraped. */
export type ScrapedFleet = Fleet & {
  readonly pageBytes: number
  /** Scrapes so far, of all endpoints. */
  readonly scrapes: number
  /** Milliseconds since each endpoint was last scraped. */
  ages(): number[]
}

/** With as many histograms as a vLLM server of one model has: some 44 KB. */
const page = vllmPage({ queued: 2, running: 7, kvUsage: 0.25, adapters: [{ running: '', waiting: '', at: 1.7e9 }] }, 12)
const answer = Buffer.concat([
  Buffer.from(
    'HTTP/1.1 200 OK\r\ndate: Mon, 01 Jan 2024 00:00:00 GMT\r\nserver: uvicorn\r\n' +
      `content-length: ${page.length}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n\r\n`,
  ),
  page,
])
/** As uvicorn does it. */
const idleConnectionMs = 5_000
const endOfRequest = '\r\n\r\n'

/**
 * Starts `count` servers (at most 60,000) on 127.30.0.1, 127.30.0.2, …, all on one free port. Each answers any request with
 * a metrics page of vLLM. Below HTTP, as a thousand servers in one process must not be what is measured.
 */
export async function startScrapedFleet(count: number): Promise<ScrapedFleet> {
  const scrapedAtMs = new Float64Array(count)
  const servers: Server[] = []
  const sockets = new Set<Socket>()
  let scrapes = 0
  let port = 0
  for (let i = 0; i < count; i++) {
    const server = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket)
      socket.setTimeout(idleConnectionMs, () => socket.end())
      socket.on('data', (piece) => {
        if (!piece.includes(endOfRequest)) return
        scrapedAtMs[i] = performance.now()
        scrapes += 1
        socket.write(answer)
      })
      socket.on('error', () => {})
      socket.once('close', () => sockets.delete(socket))
    })
    // The first one takes any free port; the others, on addresses of their own, take the same.
    server.listen(port, addressOf(i))
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
    servers.push(server)
  }
  return {
    port,
    pageBytes: page.length,
    get scrapes() {
      return scrapes
    },
    endpoints: servers.map((_, i) => ({
      name: `model-server-${i + 1}`,
      namespace: fleetNamespace,
      address: addressOf(i),
      port,
      labels: fleetLabels,
    })),
    ages() {
      const nowMs = performance.now()
      return Array.from(scrapedAtMs, (atMs) => nowMs - atMs)
    },
    async stop() {
      for (const server of servers) server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

const addressOf = (index: number) => `127.30.${Math.floor(index / 250)}.${(index % 250) + 1}`

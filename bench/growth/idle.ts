import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { scraperLimits } from '../../src/pool/scraper.ts'
import { vllmPage } from '../../test/pool/vllm-page.ts'
import { startServer } from '../peers/server.ts'
import { cpuSeconds } from '../process-cpu.ts'
import { clusterEndpoints, clusterResources } from './cluster.ts'
import type { Size } from './size.ts'

export type IdleSample = {
  readonly cores: number
  readonly scrapesPerSecond: number
  readonly residentBytes: number
}

const executable = fileURLToPath(new URL('../../bin/signalbox', import.meta.url))
/** After the start, in which every endpoint is scraped: what the start has left is collected, and connections have closed. */
const settlingMs = 4_000
/** Those of a large fleet are scraped for the second time half an interval later at the earliest, and once an interval from then on. */
const settlingIntervals = 0.75
/** A multiple of the 5 s after which files are read again. */
const measuredMs = 10_000
const quickMs = 5_000

/** Starts signalbox on a cluster of files, whose servers have metrics, and leaves it alone. */
export async function measureIdle(size: Size, quick: boolean, directory: string): Promise<IdleSample> {
  mkdirSync(directory, { recursive: true })
  const fleet = await startMetricsServer()
  const flags = writeCluster(size, fleet.port, directory)
  const signalbox = await startServer('signalbox', executable, ['serve', ...flags])
  try {
    const intervalMs = (size.pools * size.endpoints * 1_000) / scraperLimits.maxIdleScrapesPerSecond
    await sleep(Math.max(settlingMs, settlingIntervals * intervalMs))
    const scrapesBefore = fleet.scrapes
    const cpuBefore = cpuSeconds([signalbox.pid])
    const startedAtMs = performance.now()
    await sleep(quick ? quickMs : measuredMs)
    const seconds = (performance.now() - startedAtMs) / 1000
    return {
      cores: (cpuSeconds([signalbox.pid]) - cpuBefore) / seconds,
      scrapesPerSecond: (fleet.scrapes - scrapesBefore) / seconds,
      residentBytes: residentBytes(signalbox.pid),
    }
  } finally {
    await signalbox.stop()
    fleet.stop()
  }
}

/** JSON is YAML. */
function writeCluster(size: Size, port: number, directory: string): string[] {
  const resources = join(directory, 'resources.json')
  const endpoints = join(directory, 'endpoints.json')
  const items = clusterResources(size).map(({ object }) => object)
  writeFileSync(resources, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  writeFileSync(endpoints, JSON.stringify({ endpoints: clusterEndpoints(size, port) }))
  return [`--resources=${resources}`, `--endpoints=${endpoints}`]
}

/** One listener for all addresses of the loopback network: each request for any of them gets a metrics page of vLLM. */
async function startMetricsServer() {
  const page = vllmPage({ queued: 2, running: 7, kvUsage: 0.25 }, 12)
  const head = `HTTP/1.1 200 OK\r\ncontent-length: ${page.length}\r\ncontent-type: text/plain; version=0.0.4\r\n\r\n`
  const answer = Buffer.concat([Buffer.from(head), page])
  const sockets = new Set<Socket>()
  let scrapes = 0
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('data', (piece) => {
      if (!piece.includes('\r\n\r\n')) return
      scrapes += 1
      socket.write(answer)
    })
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get scrapes() {
      return scrapes
    },
    stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

function residentBytes(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kibibytes) * 1024
}

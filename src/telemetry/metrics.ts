import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { PoolAverages } from '../pool/live-pools.ts'

/** What the gauges are read from when a scrape comes. */
export type MetricsState = {
  openExchanges(): number
  /** By pool key, `namespace/name`. */
  pools(): Iterable<readonly [poolKey: string, averages: PoolAverages]>
  resourceProblems(): number
}

/**
 * The process's Prometheus metrics. Labels take their values from closed lists and from resources, never from a client.
 * Pool gauges have the reference endpoint picker's names.
 */
export function createMetrics(state: MetricsState) {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]

  const requests = new Counter({
    name: 'signalbox_requests_total',
    help: 'Requests decided: routed to an endpoint, named (a model but no pool of ours), passed, or refused with a code.',
    labelNames: ['result'],
    registers,
  })
  const exchangeErrors = new Counter({
    name: 'signalbox_exchange_errors_total',
    help: 'ext_proc streams that ended with an error of their own, by reason.',
    labelNames: ['reason'],
    registers,
  })
  const unroutable = new Counter({
    name: 'signalbox_unroutable_bodies_total',
    help: 'Bodies that came in STREAMED mode without send_body_without_waiting_for_header_response: too late to route by.',
    registers,
  })
  new Gauge({
    name: 'signalbox_open_exchanges',
    help: 'ext_proc streams that are open.',
    registers,
    collect() {
      this.set(state.openExchanges())
    },
  })
  new Gauge({
    name: 'signalbox_resource_problems',
    help: 'Problems of the resources that are served from; the log and `signalbox check` name them.',
    registers,
    collect() {
      this.set(state.resourceProblems())
    },
  })
  const poolGauge = (name: string, help: string, read: (averages: PoolAverages) => number) =>
    new Gauge({
      name: `inference_pool_${name}`,
      help,
      labelNames: ['name'],
      registers,
      collect() {
        this.reset()
        for (const [poolKey, averages] of state.pools()) this.set({ name: poolKey }, read(averages))
      },
    })
  poolGauge('average_kv_cache_utilization', 'KV-cache use of the endpoints, 0 to 1.', (pool) => pool.kvUsage)
  poolGauge('average_queue_size', 'Requests waiting on an endpoint.', (pool) => pool.queued)
  poolGauge('average_running_requests', 'Requests running on an endpoint.', (pool) => pool.running)
  poolGauge('ready_pods', 'Endpoints of the pool.', (pool) => pool.ready)

  return { registry, requests, exchangeErrors, unroutable }
}

export type Metrics = ReturnType<typeof createMetrics>

/** Serves GET /metrics. Resolves to the server when it listens. @throws the error of listen(), such as EADDRINUSE */
export function serveMetrics(registry: Registry, port: number, host: string | undefined): Promise<Server> {
  const server = createServer(async (request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('GET /metrics\n')
      return
    }
    response.writeHead(200, { 'content-type': registry.contentType }).end(await registry.metrics())
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve(server))
  })
}

export const portOf = (server: Server): number => (server.address() as AddressInfo).port

import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { PoolAverages } from '../../src/pool/live-pools.ts'
import { createMetrics, type MetricsState, portOf, serveMetrics } from '../../src/telemetry/metrics.ts'

const idle: MetricsState = { openExchanges: () => 0, pools: () => [], resourceProblems: () => 0 }

/** The samples of our own metrics on a page, `name{labels} value`. */
const samplesOf = (page: string): string[] =>
  page.split('\n').filter((line) => /^(signalbox|inference_pool)_/.test(line))

describe('metrics', () => {
  test('are read when a scrape comes', async () => {
    let open = 0
    const pools = new Map<string, PoolAverages>([
      ['default/qwen', { queued: 1.5, running: 2, kvUsage: 0.25, ready: 3 }],
    ])
    const { registry } = createMetrics({ openExchanges: () => open, pools: () => pools, resourceProblems: () => 4 })
    open = 7
    expect(samplesOf(await registry.metrics())).toEqual(
      expect.arrayContaining([
        'signalbox_open_exchanges 7',
        'signalbox_resource_problems 4',
        'inference_pool_average_kv_cache_utilization{name="default/qwen"} 0.25',
        'inference_pool_average_queue_size{name="default/qwen"} 1.5',
        'inference_pool_average_running_requests{name="default/qwen"} 2',
        'inference_pool_ready_pods{name="default/qwen"} 3',
      ]),
    )
    pools.clear()
    expect(samplesOf(await registry.metrics()).filter((line) => line.startsWith('inference_pool'))).toEqual([])
  })

  test('count what is told', async () => {
    const { registry, requests, exchangeErrors, unroutable } = createMetrics(idle)
    requests.inc({ result: 'routed' })
    requests.inc({ result: 'model_missing' })
    exchangeErrors.inc({ reason: 'malformed' })
    unroutable.inc()
    expect(samplesOf(await registry.metrics())).toEqual(
      expect.arrayContaining([
        'signalbox_requests_total{result="routed"} 1',
        'signalbox_requests_total{result="model_missing"} 1',
        'signalbox_exchange_errors_total{reason="malformed"} 1',
        'signalbox_unroutable_bodies_total 1',
      ]),
    )
  })

  test('belong to one registry each', () => {
    expect(() => [createMetrics(idle), createMetrics(idle)]).not.toThrow()
  })
})

describe('the page', () => {
  async function serve() {
    const { registry } = createMetrics(idle)
    const server = await serveMetrics(registry, 0, '127.0.0.1')
    onTestFinished(() => void server.close())
    return `http://127.0.0.1:${portOf(server)}`
  }

  test('GET /metrics, with the metrics of the process', async () => {
    const response = await fetch(`${await serve()}/metrics?x=1`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
    expect(await response.text()).toContain('process_cpu_user_seconds_total')
  })

  test('anything else is 404', async () => {
    expect((await fetch(await serve())).status).toBe(404)
  })

  test('a port that is taken is an error', async () => {
    const taken = await serveMetrics(createMetrics(idle).registry, 0, '127.0.0.1')
    onTestFinished(() => void taken.close())
    const { port } = taken.address() as AddressInfo
    await expect(serveMetrics(createMetrics(idle).registry, port, '127.0.0.1')).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })
})

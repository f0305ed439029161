import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { unknownMetrics } from '../../src/pool/endpoint.ts'
import { samplesOf as readSamples } from '../../src/pool/exposition.ts'
import type { PoolAverages } from '../../src/pool/live-pools.ts'
import { createMetrics, portOf, serveMetrics } from '../../src/telemetry/metrics.ts'
import { endpoints } from '../scheduling/endpoints.ts'
import { flightTo, idle, requestWith, responseWith, routeTo } from './requests.ts'
import { parsePage } from './text-format.ts'

/** The samples of our own metrics on a page, `name{labels} value`. */
const samplesOf = (page: string): string[] =>
  page.split('\n').filter((line) => /^(signalbox|inference_pool|llm_d_epp|inference_extension|bbr)_/.test(line))

/** What our own reader of such pages, which scrapes model servers, finds. */
const samplesIn = (page: string, name: string): number => readSamples(Buffer.from(page), Buffer.from(name)).length

describe('metrics', () => {
  test('are read when a scrape comes', async () => {
    let open = 0
    const pools = new Map<string, PoolAverages>([
      ['default/qwen', { queued: 1.5, running: 2, kvUsage: 0.25, ready: 3 }],
    ])
    const { registry } = createMetrics(
      { openExchanges: () => open, pools: () => pools, resourceProblems: () => 4 },
      { emitsLlmdNames: false },
    )
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

  test('of a pool by the name that it goes by', async () => {
    const pools = new Map<string, PoolAverages>([['default/qwen', { queued: 1, running: 2, kvUsage: 0, ready: 3 }]])
    const state = { ...idle, pools: () => pools, saturation: () => 0.5, poolName: () => 'qwen' }
    const lines = samplesOf(await createMetrics(state, { emitsLlmdNames: false }).registry.metrics())
    expect(lines).toContain('inference_pool_ready_pods{name="qwen"} 3')
    expect(lines).toContain('inference_extension_flow_control_pool_saturation{inference_pool="qwen"} 0.5')
  })

  test('of pools and their endpoints', async () => {
    const unscraped = { ...endpoints({ name: 'new' })[0], metrics: unknownMetrics }
    const members = [
      ...endpoints({ name: 'a', queued: 1, kvUsage: 0.5 }, { name: 'b', queued: 5, kvUsage: 0.5 }),
      unscraped,
    ]
    const { registry } = createMetrics(
      {
        ...idle,
        pools: () => [['default/qwen', { queued: 3, running: 0, kvUsage: 0.5, ready: 3 }]],
        endpoints: () => members,
        saturation: () => 0.75,
        heldBytes: () => 12,
        prefixIndexSize: () => 34,
      },
      { emitsLlmdNames: true },
    )
    const samples = samplesOf(await registry.metrics())
    expect(samples).toEqual(
      expect.arrayContaining([
        'inference_pool_per_pod_queue_size{name="default/qwen",model_server_pod="a"} 1',
        'inference_pool_per_pod_queue_size{name="default/qwen",model_server_pod="b"} 5',
        'llm_d_epp_per_endpoint_queue_size{name="default/qwen",model_server_endpoint="b"} 5',
        'llm_d_epp_average_queue_size{name="default/qwen"} 3',
        'llm_d_epp_std_dev_queue_size{name="default/qwen"} 2',
        'llm_d_epp_std_dev_kv_cache_utilization{name="default/qwen"} 0',
        'llm_d_epp_ready_endpoints{name="default/qwen"} 3',
        'inference_extension_flow_control_pool_saturation{inference_pool="default/qwen"} 0.75',
        'inference_extension_prefix_indexer_size 34',
        'signalbox_held_bytes 12',
      ]),
    )
    expect(samples.filter((line) => line.includes('"new"'))).toEqual([])
  })

  test('of what is not there have no series', async () => {
    const samples = samplesOf(await createMetrics(idle, { emitsLlmdNames: true }).registry.metrics())
    const named = (name: string) => samples.filter((line) => line.includes(name))
    expect([...named('held_bytes'), ...named('prefix_indexer'), ...named('saturation')]).toEqual([])
  })

  test('tell the build', async () => {
    const samples = samplesOf(await createMetrics(idle, { emitsLlmdNames: false }).registry.metrics())
    const info = expect.stringMatching(/^(inference_extension|bbr)_info\{commit="",build_ref="v\d+\.\d+\.\d+"\} 1$/)
    expect(samples.filter((line) => line.includes('_info'))).toEqual([info, info])
  })

  test('count what is told', async () => {
    const { registry, exchangeErrors, unroutable } = createMetrics(idle, { emitsLlmdNames: false })
    exchangeErrors.inc({ reason: 'malformed' })
    unroutable.inc()
    expect(samplesOf(await registry.metrics())).toEqual(
      expect.arrayContaining([
        'signalbox_exchange_errors_total{reason="malformed"} 1',
        'signalbox_unroutable_bodies_total 1',
      ]),
    )
  })

  test('belong to one registry each', () => {
    expect(() => [
      createMetrics(idle, { emitsLlmdNames: false }),
      createMetrics(idle, { emitsLlmdNames: false }),
    ]).not.toThrow()
  })
})

describe('the page', () => {
  async function serve() {
    const { registry } = createMetrics(idle, { emitsLlmdNames: false })
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

  test('is the text format to the letter, however many series there are', async () => {
    const { registry, conversationObserver } = createMetrics(idle, { emitsLlmdNames: true })
    for (let i = 0; i < 100; i += 1) {
      const request = requestWith({ model: `model-${i}`, fairnessId: `team-${i}` })
      conversationObserver.decided(request, routeTo('default/pool'), flightTo(), 1)
      const usage = { promptTokens: 1, completionTokens: 2, cachedTokens: 0 }
      const response = responseWith({ isStream: true, firstTokenAtMs: 1_500, events: 2, usage })
      conversationObserver.ended(request, flightTo(), response)
    }
    const server = await serveMetrics(registry, 0, '127.0.0.1')
    onTestFinished(() => void server.close())
    const page = await (await fetch(`http://127.0.0.1:${portOf(server)}/metrics`)).text()
    expect(page.length).toBeGreaterThan(5_000_000)
    const families = parsePage(page)
    expect(families.get('llm_d_epp_request_total')!.samples).toHaveLength(100)
    expect(samplesIn(page, 'llm_d_epp_request_total')).toBe(100)
    expect(samplesIn(page, 'inference_objective_running_requests')).toBe(100)
  })

  test('who goes away in the middle of it does no harm', async () => {
    let asked = 0
    async function* pieces() {
      for (asked = 0; asked < 1_000_000; asked += 1) yield 'x'.repeat(65_536)
    }
    const server = await serveMetrics({ contentType: 'text/plain', pieces }, 0, '127.0.0.1')
    onTestFinished(() => void server.close())
    const stop = new AbortController()
    const response = await fetch(`http://127.0.0.1:${portOf(server)}/metrics`, { signal: stop.signal })
    await response.body!.getReader().read()
    stop.abort()
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
    expect(asked).toBeLessThan(10_000)
  })

  test('anything else is 404', async () => {
    expect((await fetch(await serve())).status).toBe(404)
  })

  test('a port that is taken is an error', async () => {
    const taken = await serveMetrics(createMetrics(idle, { emitsLlmdNames: false }).registry, 0, '127.0.0.1')
    onTestFinished(() => void taken.close())
    const { port } = taken.address() as AddressInfo
    await expect(
      serveMetrics(createMetrics(idle, { emitsLlmdNames: false }).registry, port, '127.0.0.1'),
    ).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })
})

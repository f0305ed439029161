import { describe, expect, test } from 'vitest'
import { unknownMetrics } from '../../src/pool/endpoint.ts'
import type { PoolAverages } from '../../src/pool/live-pools.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { endpoints } from '../scheduling/endpoints.ts'
import { idle } from './requests.ts'

/** The samples of our own metrics on a page, `name{labels} value`. */
const samplesOf = (page: string): string[] =>
  page.split('\n').filter((line) => /^(signalbox|inference_pool|llm_d_epp|inference_extension|bbr)_/.test(line))

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
        heldBytesLimit: () => 4096,
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
        'signalbox_held_bytes_limit 4096',
        'signalbox_endpoint_kv_cache_usage_ratio{inference_pool="default/qwen",endpoint="a"} 0.5',
      ]),
    )
    // Of one that no scrape has answered for, only what is known without.
    expect(samples.filter((line) => line.includes('"new"'))).toEqual([
      'signalbox_endpoint_reachable{inference_pool="default/qwen",endpoint="new"} 1',
      'signalbox_endpoint_metrics_age_seconds{inference_pool="default/qwen",endpoint="new"} +Inf',
    ])
  })

  test('of an endpoint that has gone silent', async () => {
    const [silent] = endpoints({ name: 'silent', running: 3 })
    const gone = {
      ...silent,
      isReachable: false,
      metrics: { ...silent.metrics, updatedAtMs: performance.now() - 90_000 },
    }
    const state = { ...idle, pools: () => [['default/qwen', { queued: 0, running: 0, kvUsage: 0, ready: 1 }] as const] }
    const { registry } = createMetrics({ ...state, endpoints: () => [gone] }, { emitsLlmdNames: false })
    const samples = samplesOf(await registry.metrics())
    expect(samples).toContain('signalbox_endpoint_reachable{inference_pool="default/qwen",endpoint="silent"} 0')
    expect(samples).toContain('signalbox_endpoint_running_requests{inference_pool="default/qwen",endpoint="silent"} 3')
    const [age] = samples.filter((line) => line.startsWith('signalbox_endpoint_metrics_age_seconds'))
    expect(Number(age.split(' ')[1])).toBeGreaterThanOrEqual(90)
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

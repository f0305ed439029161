import { expect, test } from 'vitest'
import type { EngineSnapshot } from '../../src/sim/engine.ts'
import { Metrics } from '../../src/sim/metrics.ts'

const limits = { maxNumSeqs: 4, maxLoras: 2, kvBlocks: 8192, kvBlockTokens: 32 }
const idle: EngineSnapshot = {
  running: 0,
  waiting: 0,
  kvUsage: 0,
  runningAdapters: [],
  waitingAdapters: [],
  adapterLoads: 0,
}

function setUp(fields: { modelName?: string; hasAdapters?: boolean } = {}) {
  const time = { epochMs: 1_700_000_000_000 }
  const metrics = new Metrics({ modelName: 'qwen', limits, hasAdapters: true, epochMs: () => time.epochMs, ...fields })
  return { metrics, time }
}

/** The value of each sample by its name and labels. */
function samplesOf(page: string): Map<string, number> {
  const samples = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  )
}

test('every sample belongs to the family declared above it, each family once', () => {
  const page = setUp().metrics.render(idle)
  expect(page.endsWith('\n')).toBe(true)
  const types = new Map<string, string>()
  let family = ''
  for (const line of page.trimEnd().split('\n')) {
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (name !== undefined) {
      expect(types.has(name)).toBe(false)
      types.set((family = name), type)
    } else if (!line.startsWith('# HELP ')) {
      const suffix = types.get(family) === 'histogram' ? '(_bucket|_sum|_count)' : ''
      expect(line).toMatch(new RegExp(`^${family}${suffix}\\{[^}]*\\} [-+.e0-9]+$`))
    }
  }
  expect(Object.fromEntries(types)).toEqual({
    'vllm:num_requests_running': 'gauge',
    'vllm:num_requests_waiting': 'gauge',
    'vllm:kv_cache_usage_perc': 'gauge',
    'vllm:cache_config_info': 'gauge',
    'vllm:lora_requests_info': 'gauge',
    'vllm:prompt_tokens_total': 'counter',
    'vllm:prefix_cache_queries_total': 'counter',
    'vllm:prefix_cache_hits_total': 'counter',
    'vllm:generation_tokens_total': 'counter',
    'vllm:request_success_total': 'counter',
    'vllm:time_to_first_token_seconds': 'histogram',
    'vllm:e2e_request_latency_seconds': 'histogram',
  })
})

test('gauges show the engine, counters and histograms what was recorded', () => {
  const { metrics } = setUp()
  metrics.firstToken(10, 8, 30)
  metrics.firstToken(5, 0, 3_000_000)
  metrics.finished('stop', 7, 400)
  metrics.finished('abort', 2, 90)
  const samples = samplesOf(metrics.render({ ...idle, running: 3, waiting: 2, kvUsage: 0.25 }))
  const labels = 'engine="0",model_name="qwen"'
  const value = (name: string, more = '') => samples.get(`${name}{${labels}${more}}`)

  expect(value('vllm:num_requests_running')).toBe(3)
  expect(value('vllm:num_requests_waiting')).toBe(2)
  expect(value('vllm:kv_cache_usage_perc')).toBe(0.25)
  expect(samples.get('vllm:cache_config_info{block_size="32",engine="0",num_gpu_blocks="8192"}')).toBe(1)
  expect(value('vllm:prompt_tokens_total')).toBe(15)
  expect(value('vllm:prefix_cache_queries_total')).toBe(15)
  expect(value('vllm:prefix_cache_hits_total')).toBe(8)
  expect(value('vllm:generation_tokens_total')).toBe(9)
  expect(value('vllm:request_success_total', ',finished_reason="stop"')).toBe(1)
  expect(value('vllm:request_success_total', ',finished_reason="length"')).toBe(0)
  expect(value('vllm:request_success_total', ',finished_reason="abort"')).toBe(1)

  expect(value('vllm:time_to_first_token_seconds_bucket', ',le="0.02"')).toBe(0)
  expect(value('vllm:time_to_first_token_seconds_bucket', ',le="0.04"')).toBe(1)
  expect(value('vllm:time_to_first_token_seconds_bucket', ',le="2560"')).toBe(1)
  expect(value('vllm:time_to_first_token_seconds_bucket', ',le="+Inf"')).toBe(2)
  expect(value('vllm:time_to_first_token_seconds_count')).toBe(2)
  expect(value('vllm:time_to_first_token_seconds_sum')).toBeCloseTo(3000.03)
  expect(value('vllm:e2e_request_latency_seconds_bucket', ',le="0.3"')).toBe(1)
  expect(value('vllm:e2e_request_latency_seconds_bucket', ',le="0.5"')).toBe(2)
})

test('a value on the bound of a bucket counts in that bucket', () => {
  const { metrics } = setUp()
  metrics.firstToken(1, 0, 10)
  const samples = samplesOf(metrics.render(idle))
  const bucket = (le: string) =>
    samples.get(`vllm:time_to_first_token_seconds_bucket{engine="0",model_name="qwen",le="${le}"}`)
  expect([bucket('0.005'), bucket('0.01')]).toEqual([0, 1])
})

test('adapters are listed with the time at which the lists came to be', () => {
  const { metrics, time } = setUp()
  const line = (engine: Partial<EngineSnapshot>) =>
    metrics
      .render({ ...idle, ...engine })
      .split('\n')
      .find((each) => each.startsWith('vllm:lora_requests_info'))
  const busy = { runningAdapters: ['v1', 'v2'], waitingAdapters: ['v3'] }
  const names = 'running_lora_adapters="v1,v2",waiting_lora_adapters="v3"'

  expect(line({})).toBe(
    'vllm:lora_requests_info{max_lora="2",running_lora_adapters="",waiting_lora_adapters=""} 1700000000',
  )
  time.epochMs += 1500
  expect(line(busy)).toBe(`vllm:lora_requests_info{max_lora="2",${names}} 1700000001.5`)
  time.epochMs += 1500
  expect(line(busy), 'unchanged lists keep their time').toBe(
    `vllm:lora_requests_info{max_lora="2",${names}} 1700000001.5`,
  )
})

test('without adapters there is no adapter metric, and odd model names are escaped', () => {
  const page = setUp({ hasAdapters: false, modelName: 'a"b\\c' }).metrics.render(idle)
  expect(page).not.toContain('lora')
  expect(page).toContain('vllm:num_requests_running{engine="0",model_name="a\\"b\\\\c"} 0')
})

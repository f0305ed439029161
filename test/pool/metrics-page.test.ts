import { describe, expect, it } from 'vitest'
import { type EndpointMetrics, unknownMetrics } from '../../src/pool/endpoint.ts'
import { engineFinder, engineTypeLabel, vllm } from '../../src/pool/engines.ts'
import { readMetricsPage } from '../../src/pool/metrics-page.ts'
import { vllmPage } from './vllm-page.ts'

const engineOf = engineFinder(undefined, 'vllm', [])

const before: EndpointMetrics = {
  queued: 11,
  running: 22,
  kvUsage: 0.33,
  activeAdapters: new Set(['old']),
  waitingAdapters: new Set(['older']),
  maxAdapters: 9,
  blockTokens: 32,
  cacheBlocks: 900,
  updatedAtMs: 1_000,
}

function read(page: string, previous = before, engineType = 'vllm') {
  return readMetricsPage(Buffer.from(page), engineOf({ [engineTypeLabel]: engineType }), previous, 2_000)
}

describe('a page of vLLM', () => {
  it('says all of it', () => {
    const page = vllmPage({
      queued: 3,
      running: 7,
      kvUsage: 0.25,
      adapters: [
        { running: 'sql', waiting: '', at: 1795251001.5 },
        { running: 'sql,chat', waiting: 'law', at: 1795251003.25 },
        { running: '', waiting: '', at: 1795250000 },
      ],
    })
    expect(page.length).toBeGreaterThan(50_000)
    expect(readMetricsPage(page, vllm, unknownMetrics, 2_000)).toEqual({
      queued: 3,
      running: 7,
      kvUsage: 0.25,
      activeAdapters: new Set(['sql', 'chat']),
      waitingAdapters: new Set(['law']),
      maxAdapters: 4,
      blockTokens: 16,
      cacheBlocks: 27_648,
      updatedAtMs: 2_000,
    })
  })

  it('of an older release has the cache usage under another name', () => {
    expect(read('vllm:gpu_cache_usage_perc{model_name="m"} 0.5\n').kvUsage).toBe(0.5)
  })

  it('prefers the newer name where it has both', () => {
    expect(read('vllm:gpu_cache_usage_perc 0.5\nvllm:kv_cache_usage_perc 0.75\n').kvUsage).toBe(0.75)
  })

  it('has a cache that is full at most', () => {
    expect(read('vllm:kv_cache_usage_perc 1.02\n').kvUsage).toBe(1)
  })
})

describe('what a page leaves out', () => {
  it('stays as it was', () => {
    expect(read('vllm:num_requests_waiting 5\n')).toEqual({ ...before, queued: 5, updatedAtMs: 2_000 })
    expect(read('vllm:num_requests_running 5\n')).toEqual({ ...before, running: 5, updatedAtMs: 2_000 })
    expect(read('vllm:kv_cache_usage_perc 0.5\n')).toEqual({ ...before, kvUsage: 0.5, updatedAtMs: 2_000 })
  })

  it('leaves everything as it was if that is all', () => {
    expect(read('')).toBe(before)
    expect(read('sglang:num_queue_reqs 5\n')).toBe(before)
  })

  it.each(['NaN', '+Inf', '-Inf', '-1', 'many'])('includes a value that is no load: %s', (value) => {
    const page = `vllm:num_requests_waiting ${value}\nvllm:num_requests_running 1\nvllm:kv_cache_usage_perc ${value}\n`
    expect(read(page)).toEqual({ ...before, running: 1, updatedAtMs: 2_000 })
  })
})

describe('several series of one gauge', () => {
  const queued = (page: string) => read(page).queued

  it('of data-parallel ranks are one load: sums of requests, the mean of the caches', () => {
    const page = ['waiting', 'running']
      .flatMap((state) => [0, 1, 2].map((rank) => `vllm:num_requests_${state}{engine="${rank}"} ${rank + 1}`))
      .concat([0, 1, 2].map((rank) => `vllm:kv_cache_usage_perc{engine="${rank}",model_name="m"} ${rank / 4}`))
    expect(read(page.join('\n'))).toMatchObject({ queued: 6, running: 6, kvUsage: 0.25 })
  })

  it('of one rank are moments, of which the latest counts', () => {
    expect(
      queued('vllm:num_requests_waiting 1 100\nvllm:num_requests_waiting 2 300\nvllm:num_requests_waiting 3 200'),
    ).toBe(2)
    expect(queued('vllm:num_requests_waiting{a="1"} 1 100\nvllm:num_requests_waiting{a="2"} 2')).toBe(1)
    expect(queued('vllm:num_requests_waiting{a="1"} 1\nvllm:num_requests_waiting{a="2"} 2')).toBe(2)
    const ranks = ['{engine="0"} 1 100', '{engine="1"} 10 100', '{engine="0"} 2 200', '{engine="1"} 20 50']
    expect(queued(ranks.map((rank) => `vllm:num_requests_waiting${rank}`).join('\n'))).toBe(12)
  })

  it('say nothing while one of the ranks says none', () => {
    expect(queued('vllm:num_requests_waiting{engine="0"} 1\nvllm:num_requests_waiting{engine="1"} NaN')).toBe(11)
    expect(queued('vllm:num_requests_waiting{engine="0"} 1e308\nvllm:num_requests_waiting{engine="1"} 1e308')).toBe(11)
    expect(queued('vllm:num_requests_waiting{engine="0"} NaN 1\nvllm:num_requests_waiting{engine="0"} 4 2')).toBe(4)
  })
})

describe('adapters', () => {
  const info = (labels: string, value: number | string) => `vllm:lora_requests_info{${labels}} ${value}\n`

  it('are those of the series with the largest value, wherever it stands', () => {
    const page =
      info('running_lora_adapters="a",waiting_lora_adapters="",max_lora="2"', 10) +
      info('max_lora="3",waiting_lora_adapters="d",running_lora_adapters="b,c"', 30) +
      info('running_lora_adapters="e",waiting_lora_adapters="",max_lora="4"', 20)
    expect(read(page)).toMatchObject({
      activeAdapters: new Set(['b', 'c']),
      waitingAdapters: new Set(['d']),
      maxAdapters: 3,
    })
  })

  it('may be none', () => {
    const page = info('running_lora_adapters="",waiting_lora_adapters="",max_lora="2"', 10)
    expect(read(page)).toMatchObject({ activeAdapters: new Set(), waitingAdapters: new Set(), maxAdapters: 2 })
  })

  it('may have blanks and stray commas between their names', () => {
    expect(read(info('running_lora_adapters=" a , b,,",max_lora="2"', 10)).activeAdapters).toEqual(new Set(['a', 'b']))
  })

  it('have no room where the server gives no sensible number', () => {
    for (const max of ['', 'lots', '-1', '1.5']) {
      expect(read(info(`running_lora_adapters="a",max_lora="${max}"`, 10)).maxAdapters).toBe(0)
    }
    expect(read(info('running_lora_adapters="a"', 10)).maxAdapters).toBe(0)
  })

  it('of a series whose value is no time are left out', () => {
    const good = info('running_lora_adapters="a",max_lora="2"', 10)
    const bad = info('running_lora_adapters="b",max_lora="2"', 'NaN') + info('running_lora_adapters="c"', '+Inf')
    expect(read(good + bad).activeAdapters).toEqual(new Set(['a']))
    expect(read(bad)).toBe(before)
  })
})

describe('the size of the cache', () => {
  const info = (labels: string) => `vllm:cache_config_info{${labels}} 1.0\n`
  const size = (page: string, engineType = 'vllm') => {
    const { blockTokens, cacheBlocks } = read(page, before, engineType)
    return [blockTokens, cacheBlocks]
  }

  it('is in labels of vLLM', () => {
    expect(size(info('block_size="16",cache_dtype="auto",engine="0",num_gpu_blocks="5000"'))).toEqual([16, 5000])
  })

  it('is that of all data-parallel ranks together', () => {
    const ranks = ['0', '1'].map((rank) => info(`block_size="16",engine="${rank}",num_gpu_blocks="5000"`))
    expect(size(ranks.join(''))).toEqual([16, 10_000])
  })

  it.each(['None', '0', '-1', '1.5', ''])('stays as it was while the server says %j', (blocks) => {
    expect(size(info(`block_size="16",num_gpu_blocks="${blocks}"`))).toEqual([32, 900])
    expect(size(info(`block_size="${blocks}",num_gpu_blocks="5000"`))).toEqual([32, 900])
    expect(read(info(`num_gpu_blocks="${blocks}"`))).toBe(before)
  })

  it('counts as something the page says', () => {
    expect(read(info('block_size="16",num_gpu_blocks="5000"')).updatedAtMs).toBe(2_000)
  })

  it('is in other labels of SGLang', () => {
    expect(size('sglang:cache_config_info{num_pages="700",page_size="64"} 1.0\n', 'sglang')).toEqual([64, 700])
  })

  it('is in gauges of TensorRT-LLM and Triton', () => {
    const trtllm = 'trtllm_kv_cache_tokens_per_block 64\ntrtllm_kv_cache_max_blocks 800\n'
    expect(size(trtllm, 'trtllm-serve')).toEqual([64, 800])
    const triton = ['tokens_per', 'max', 'used']
      .map((type, i) => `nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="${type}"} ${[64, 6239, 17][i]}\n`)
      .join('')
    expect(size(triton, 'triton-tensorrt-llm')).toEqual([64, 6239])
    expect(size('trtllm_kv_cache_tokens_per_block 64\n', 'trtllm-serve')).toEqual([32, 900])
  })
})

describe('the engine type', () => {
  const load = { queued: 3, running: 4, kvUsage: 0.5 }

  it('sglang has its own names, a total beside each priority, and ranks', () => {
    const page = `
sglang:num_running_reqs{dp_rank="0",model_name="m",priority=""} 1.0
sglang:num_running_reqs{dp_rank="0",model_name="m",priority="5"} 100.0
sglang:num_running_reqs{dp_rank="1",model_name="m",priority=""} 3.0
sglang:token_usage{dp_rank="0",model_name="m",priority=""} 0.25
sglang:token_usage{dp_rank="1",model_name="m",priority=""} 0.75
sglang:num_queue_reqs{dp_rank="0",model_name="m"} 3.0
sglang:num_queue_reqs{dp_rank="1",model_name="m"} 0.0
`
    expect(read(page, before, 'sglang')).toMatchObject({ ...load, maxAdapters: 9 })
  })

  it('trtllm-serve has its own names', () => {
    const page =
      'trtllm_num_requests_waiting 3\ntrtllm_num_requests_running{model_name="m"} 4\ntrtllm_kv_cache_utilization 0.5\n'
    expect(read(page, before, 'trtllm-serve')).toMatchObject(load)
  })

  it('triton-tensorrt-llm tells its numbers apart by a label', () => {
    const page = `
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="waiting",version="1"} 3
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="scheduled",version="1"} 4
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="max",version="1"} 512
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="max",model="tensorrt_llm",version="1"} 6239
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="fraction",model="tensorrt_llm",version="1"} 0.5
`
    expect(read(page, before, 'triton-tensorrt-llm')).toMatchObject(load)
  })

  it('triton tells what waits, and nothing else', () => {
    const page = 'nv_inference_pending_request_count{model="m",version="1"} 3\nnv_inference_exec_count{model="m"} 900\n'
    expect(read(page, { ...before, running: 0 }, 'triton')).toMatchObject({ queued: 3, running: 0 })
  })

  it('is vLLM where the label is missing or unknown', () => {
    expect(engineOf({})).toBe(vllm)
    expect(engineOf({ [engineTypeLabel]: 'homemade' })).toBe(vllm)
    expect(engineOf({ [engineTypeLabel]: 'sglang' })).not.toBe(vllm)
  })

  it('may stand in the label of llm-d, if not in the other one', () => {
    const sglang = engineOf({ [engineTypeLabel]: 'sglang' })
    expect(engineOf({ 'llm-d.ai/engine-type': 'sglang' })).toBe(sglang)
    expect(engineOf({ 'llm-d.ai/engine-type': 'trtllm-serve', [engineTypeLabel]: 'sglang' })).toBe(sglang)
  })
})

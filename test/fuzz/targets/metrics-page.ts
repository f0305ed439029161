import { deepEqual, ok } from 'node:assert/strict'
import { unknownMetrics } from '../../../src/pool/endpoint.ts'
import { engineFinder, engineNames, engineTypeLabel } from '../../../src/pool/engines.ts'
import { labelsOf, samplesOf } from '../../../src/pool/exposition.ts'
import { readMetricsPage } from '../../../src/pool/metrics-page.ts'
import { vllmPage } from '../../pool/vllm-page.ts'
import { mutateText } from '../mutate-text.ts'
import type { Random } from '../random.ts'
import { defineTarget } from '../target.ts'

type PageCase = { readonly page: string; readonly engine: string }

const engineOf = engineFinder(undefined, 'vllm', [])

const names: Readonly<Record<string, readonly string[]>> = {
  vllm: [
    'vllm:num_requests_waiting',
    'vllm:num_requests_running',
    'vllm:kv_cache_usage_perc',
    'vllm:lora_requests_info',
  ],
  sglang: ['sglang:num_queue_reqs', 'sglang:num_running_reqs', 'sglang:token_usage', 'sglang:cache_config_info'],
  'trtllm-serve': ['trtllm_num_requests_waiting', 'trtllm_num_requests_running', 'trtllm_kv_cache_max_blocks'],
  'triton-tensorrt-llm': ['nv_trt_llm_request_metrics', 'nv_trt_llm_kv_cache_block_metrics'],
  triton: ['nv_inference_pending_request_count'],
}
const labels = [
  ...[
    'engine="0"',
    'engine="1"',
    'dp_rank="1"',
    'priority=""',
    'priority="2"',
    'request_type="waiting"',
    'a="\\"}\\n"',
  ],
  ...[
    'kv_cache_block_type="fraction"',
    'kv_cache_block_type="max"',
    'kv_cache_block_type="tokens_per"',
    'max_lora="4"',
  ],
  ...['running_lora_adapters="a,b,,"', 'num_gpu_blocks="27648"', 'num_gpu_blocks="None"', 'num_gpu_blocks="9e15"'],
  ...['block_size="16"', 'page_size="1"', 'num_pages="1e9"', 'x="'],
]
const values = ['0', '1.0', '0.25', '7', '-1', 'NaN', '+Inf', '-Inf', '1e308', '1.7e308', '1e400', '0x10', '1e-320', '']
const words = [...labels, ...values, '# HELP ', '# TYPE ', '{', '}', '{}', ' ', '\n', '\r\n', ' 1700000000123']

function line(engine: string, random: Random): string {
  const some = Array.from({ length: random.below(4) }, () => random.pick(labels)).join(',')
  return `${random.pick(names[engine])}${some === '' ? '' : `{${some}}`} ${random.pick(values)}${random.pick(['', '', ' 17', ' -5'])}`
}

const wholePage = vllmPage(
  { queued: 3, running: 7, kvUsage: 0.25, adapters: [{ running: 'a', waiting: 'b', at: 3 }] },
  1,
)

export const metricsPage = defineTarget<PageCase>({
  name: 'metrics-page',
  promise: 'of any page only numbers that a load can be are taken: finite, none below 0, a share of at most 1',

  generate(random) {
    const engine = random.pick(engineNames)
    const lines = Array.from({ length: 1 + random.below(8) }, () => line(engine, random))
    const page = random.chance(0.2)
      ? wholePage.toString()
      : `${random.chance(0.5) ? lines.sort().join('\n') : lines.join('\n')}\n`
    return {
      engine,
      page: random.chance(0.1) ? page : mutateText(page, random, { words: [...words, ...names[engine]] }),
    }
  },

  check({ page, engine }) {
    const bytes = Buffer.from(page)
    for (const name of names[engine].map((name) => Buffer.from(name))) {
      for (const sample of samplesOf(bytes, name)) labelsOf(sample)
    }
    const kind = engineOf({ [engineTypeLabel]: engine })
    const read = readMetricsPage(bytes, kind, unknownMetrics, 1000)
    const { activeAdapters, waitingAdapters, updatedAtMs: _, ...numbers } = read
    for (const [name, value] of Object.entries(numbers)) {
      ok(Number.isFinite(value) && value >= 0, `${name}: ${value}`)
    }
    ok(read.kvUsage <= 1)
    for (const count of [read.maxAdapters, read.cacheBlocks, read.blockTokens])
      ok(Number.isSafeInteger(count), 'no count')
    for (const adapter of [...activeAdapters, ...waitingAdapters]) ok(adapter !== '' && adapter.trim() === adapter)
    // Nothing is half taken: a page read again says the same.
    deepEqual(readMetricsPage(bytes, kind, read, 1000), read)
  },
})

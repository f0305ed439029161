/**
 * Which samples of a metrics page say what, for each kind of model server. A server names its kind in the label
 * `inference.networking.k8s.io/engine-type`; without it, or with a kind that is not here, it counts as vLLM.
 */

/** Picks series of one metric. As in PromQL, the value '' also matches a series without the label. */
export type Selector = {
  /** The metric's name as the page's bytes have it. */
  readonly name: Buffer
  readonly label: readonly [name: string, value: string] | undefined
}

/** Where several selectors stand, the first that the page has counts; later ones are names of older releases. */
export type Engine = {
  readonly queued: readonly Selector[]
  readonly running: readonly Selector[]
  /** A share, 0 to 1. */
  readonly kvUsage: readonly Selector[]
  /** Labels max_lora, running_lora_adapters, waiting_lora_adapters; its value is the time it was true. */
  readonly adapters: Selector | undefined
  /** The label that tells the data-parallel ranks apart which share one page. */
  readonly rankLabel: string | undefined
}

export const engineTypeLabel = 'inference.networking.k8s.io/engine-type'

function metric(name: string, label?: readonly [name: string, value: string]): Selector {
  return { name: Buffer.from(name), label }
}

export const vllm: Engine = {
  queued: [metric('vllm:num_requests_waiting')],
  running: [metric('vllm:num_requests_running')],
  kvUsage: [metric('vllm:kv_cache_usage_perc'), metric('vllm:gpu_cache_usage_perc')],
  adapters: metric('vllm:lora_requests_info'),
  rankLabel: 'engine',
}

// With priority scheduling SGLang adds a series for each priority to the total, whose priority is ''.
const everyPriority = ['priority', ''] as const

const engines: ReadonlyMap<string, Engine> = new Map([
  ['vllm', vllm],
  [
    'sglang',
    {
      queued: [metric('sglang:num_queue_reqs', everyPriority)],
      running: [metric('sglang:num_running_reqs', everyPriority)],
      kvUsage: [metric('sglang:token_usage')],
      adapters: undefined,
      rankLabel: 'dp_rank',
    },
  ],
  [
    'trtllm-serve',
    {
      queued: [metric('trtllm_num_requests_waiting')],
      running: [metric('trtllm_num_requests_running')],
      kvUsage: [metric('trtllm_kv_cache_utilization')],
      adapters: undefined,
      rankLabel: undefined,
    },
  ],
  [
    'triton-tensorrt-llm',
    {
      queued: [metric('nv_trt_llm_request_metrics', ['request_type', 'waiting'])],
      running: [metric('nv_trt_llm_request_metrics', ['request_type', 'scheduled'])],
      kvUsage: [metric('nv_trt_llm_kv_cache_block_metrics', ['kv_cache_block_type', 'fraction'])],
      adapters: undefined,
      rankLabel: undefined,
    },
  ],
])

/** The engine that an endpoint's labels name. */
export function engineOf(labels: Readonly<Record<string, string>>): Engine {
  return engines.get(labels[engineTypeLabel] ?? 'vllm') ?? vllm
}

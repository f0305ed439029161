/**
 * Which samples of a metrics page say what, for each kind of model server. A server names its kind in the label
 * `inference.networking.k8s.io/engine-type` or `llm-d.ai/engine-type`; without them, or with a kind that is not here, it
 * counts as vLLM.
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
  readonly cache: CacheSize
  /** The label that tells the data-parallel ranks apart which share one page. */
  readonly rankLabel: string | undefined
}

/** Where the size of the KV cache stands: in two labels of one series, or in two gauges. */
export type CacheSize =
  | { readonly kind: 'labels'; readonly info: Selector; readonly blockTokens: string; readonly cacheBlocks: string }
  | { readonly kind: 'gauges'; readonly blockTokens: Selector; readonly cacheBlocks: Selector }

export const engineTypeLabel = 'inference.networking.k8s.io/engine-type'
const llmdEngineTypeLabel = 'llm-d.ai/engine-type'

function metric(name: string, label?: readonly [name: string, value: string]): Selector {
  return { name: Buffer.from(name), label }
}

export const vllm: Engine = {
  queued: [metric('vllm:num_requests_waiting')],
  running: [metric('vllm:num_requests_running')],
  kvUsage: [metric('vllm:kv_cache_usage_perc'), metric('vllm:gpu_cache_usage_perc')],
  adapters: metric('vllm:lora_requests_info'),
  cache: {
    kind: 'labels',
    info: metric('vllm:cache_config_info'),
    blockTokens: 'block_size',
    cacheBlocks: 'num_gpu_blocks',
  },
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
      cache: {
        kind: 'labels',
        info: metric('sglang:cache_config_info'),
        blockTokens: 'page_size',
        cacheBlocks: 'num_pages',
      },
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
      cache: {
        kind: 'gauges',
        blockTokens: metric('trtllm_kv_cache_tokens_per_block'),
        cacheBlocks: metric('trtllm_kv_cache_max_blocks'),
      },
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
      cache: {
        kind: 'gauges',
        blockTokens: metric('nv_trt_llm_kv_cache_block_metrics', ['kv_cache_block_type', 'tokens_per']),
        cacheBlocks: metric('nv_trt_llm_kv_cache_block_metrics', ['kv_cache_block_type', 'max']),
      },
      rankLabel: undefined,
    },
  ],
  [
    // Triton with another backend. It has no gauge of what runs, and nothing to say of a KV cache.
    'triton',
    {
      queued: [metric('nv_inference_pending_request_count')],
      running: [],
      kvUsage: [],
      adapters: undefined,
      cache: vllm.cache,
      rankLabel: undefined,
    },
  ],
])

export const engineNames: readonly string[] = [...engines.keys()]

/** An engine as configurations describe it: a selector as PromQL writes it for each figure, '' for none. */
export type EngineSettings = {
  readonly name: string
  readonly queuedRequestsSpec: string
  readonly runningRequestsSpec: string
  readonly kvUsageSpec: string
  readonly loraSpec: string
  /** A series with the labels block_size and num_gpu_blocks. */
  readonly cacheInfoSpec: string
}

/**
 * Finds the engine that an endpoint's labels name.
 * @param settings engines beside the built-in ones, or in place of those of the same name
 * @param labelKey the label that names an endpoint's engine; undefined is the usual ones
 * @param defaultEngine the engine of endpoints without it, or with one that is not known
 */
export function engineFinder(
  labelKey: string | undefined,
  defaultEngine: string,
  settings: readonly EngineSettings[],
): (labels: Readonly<Record<string, string>>) => Engine {
  const known = new Map([...engines, ...settings.map((given) => [given.name, engineFrom(given)] as const)])
  const byDefault = known.get(defaultEngine) ?? vllm
  return (labels) => {
    const name = labelKey === undefined ? (labels[engineTypeLabel] ?? labels[llmdEngineTypeLabel]) : labels[labelKey]
    return (name === undefined ? undefined : known.get(name)) ?? byDefault
  }
}

function engineFrom(settings: EngineSettings): Engine {
  const selectors = (text: string) => {
    const selector = parseSelector(text)
    return selector === undefined ? [] : [selector]
  }
  const [info = metric('vllm:cache_config_info')] = selectors(settings.cacheInfoSpec)
  return {
    queued: selectors(settings.queuedRequestsSpec),
    running: selectors(settings.runningRequestsSpec),
    kvUsage: selectors(settings.kvUsageSpec),
    adapters: parseSelector(settings.loraSpec),
    cache: { kind: 'labels', info, blockTokens: 'block_size', cacheBlocks: 'num_gpu_blocks' },
    rankLabel: undefined,
  }
}

const selectorShape = /^([a-zA-Z_:][\w:]*)(?:\{\s*(?:([a-zA-Z_]\w*)\s*=\s*(?:"([^"\\]*)"|([^",={}\s]*))\s*)?\})?$/

/** A selector such as `name`, `name{label=value}` or `name{label="value"}`; undefined when the text is none. */
export function parseSelector(text: string): Selector | undefined {
  const [, name, label, quoted, plain] = selectorShape.exec(text.trim()) ?? []
  if (name === undefined) return undefined
  return metric(name, label === undefined ? undefined : [label, quoted ?? plain])
}

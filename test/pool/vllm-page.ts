/** What a vLLM metrics page of a test says. */
export type PageState = {
  readonly queued: number
  readonly running: number
  readonly kvUsage: number
  /** Each a state of the adapters with the time it was true, in seconds. */
  readonly adapters?: readonly { readonly running: string; readonly waiting: string; readonly at: number }[]
}

const latencyBuckets = ['0.001', '0.005', '0.01', '0.02', '0.04', '0.06', '0.08', '0.1', '0.25', '0.5', '0.75', '1.0']
const tokenBuckets = ['1.0', '2.0', '5.0', '10.0', '20.0', '50.0', '100.0', '200.0', '500.0', '1000.0', '2000.0']

/** A page as vLLM lays it out: the process, the gauges, histograms by the dozen, adapters near the end. */
export function vllmPage({ queued, running, kvUsage, adapters = [] }: PageState, histograms = 24): Buffer {
  const model = 'model_name="meta-llama/Llama-3.1-8B-Instruct"'
  const labels = `engine="0",${model}`
  const gauge = (name: string, help: string, value: number) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    `${name}{${labels}} ${Number.isInteger(value) ? value.toFixed(1) : value}`,
  ]
  const histogram = (name: string, buckets: readonly string[]) => [
    `# HELP ${name} Histogram of ${name} beside vllm:num_requests_running and the like.`,
    `# TYPE ${name} histogram`,
    ...[...buckets, '+Inf'].map((le) => `${name}_bucket{engine="0",le="${le}",${model}} 4711.0`),
    `${name}_count{${labels}} 4711.0`,
    `${name}_sum{${labels}} 815.42`,
  ]
  const lines = [
    '# HELP python_gc_objects_collected_total Objects collected during gc',
    '# TYPE python_gc_objects_collected_total counter',
    ...[0, 1, 2].map((generation) => `python_gc_objects_collected_total{generation="${generation}"} 11231.0`),
    '# HELP process_resident_memory_bytes Resident memory size in bytes.',
    '# TYPE process_resident_memory_bytes gauge',
    'process_resident_memory_bytes 5.11430304e+09',
    ...gauge('vllm:num_requests_running', 'Number of requests in model execution batches.', running),
    ...gauge('vllm:num_requests_waiting', 'Number of requests waiting to be processed.', queued),
    '# HELP vllm:num_requests_waiting_by_reason Number of requests waiting, by reason.',
    '# TYPE vllm:num_requests_waiting_by_reason gauge',
    `vllm:num_requests_waiting_by_reason{${labels},reason="capacity"} 77.0`,
    `vllm:num_requests_waiting_by_reason{${labels},reason="deferred"} 88.0`,
    ...gauge('vllm:kv_cache_usage_perc', 'KV-cache usage. 1 means 100 percent usage.', kvUsage),
    '# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig',
    '# TYPE vllm:cache_config_info gauge',
    'vllm:cache_config_info{block_size="16",cache_dtype="auto",enable_prefix_caching="True",engine="0",' +
      'gpu_memory_utilization="0.9",num_cpu_blocks="None",num_gpu_blocks="27648",swap_space="4"} 1.0',
    ...Array.from({ length: histograms }, (_, i) => [
      ...histogram(`vllm:phase_${i}_time_seconds`, latencyBuckets),
      ...histogram(`vllm:request_${i}_tokens`, tokenBuckets),
    ]).flat(),
    '# HELP vllm:lora_requests_info Running stats on lora requests.',
    '# TYPE vllm:lora_requests_info gauge',
    ...adapters.map(
      ({ running, waiting, at }) =>
        `vllm:lora_requests_info{max_lora="4",running_lora_adapters="${running}",waiting_lora_adapters="${waiting}"} ${at}`,
    ),
    ...histogram('http_request_duration_seconds', latencyBuckets),
  ]
  return Buffer.from(`${lines.join('\n')}\n`)
}

import type { EngineLimits, EngineSnapshot } from './engine.ts'

/** How a request ended (`finished_reason` of vllm:request_success_total). */
export type FinishReason = 'stop' | 'length' | 'abort'

export type MetricsSnapshot = EngineSnapshot & {
  readonly promptTokens: number
  /** Of those, what came from the cache. */
  readonly cachedTokens: number
  readonly generationTokens: number
  readonly finished: Readonly<Record<FinishReason, number>>
}

/** Bounds of vLLM's histograms, in seconds (vllm/v1/metrics/loggers.py). */
const firstTokenBounds = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
]
const requestBounds = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680]

export type MetricsOptions = {
  /** The base model; vLLM labels the requests of adapters with it too. */
  readonly modelName: string
  readonly limits: EngineLimits
  /** Without adapters there is no vllm:lora_requests_info, as in vLLM without --enable-lora. */
  readonly hasAdapters: boolean
  readonly epochMs: () => number
}

/**
 * The page that an endpoint picker scrapes, with vLLM's names, types and labels. Written by hand: it is read 20 times a second
 * on each of many servers in one process, and nearly all of its text never changes.
 */
export class Metrics {
  readonly #labels: string
  readonly #limits: EngineLimits
  readonly #hasAdapters: boolean
  readonly #epochMs: () => number
  readonly #firstToken: Histogram
  readonly #request: Histogram
  readonly #finished: Record<FinishReason, number> = { stop: 0, length: 0, abort: 0 }
  #promptTokens = 0
  #cachedTokens = 0
  #generationTokens = 0
  #adapterLabels = ''
  #adaptersChangedAtS = 0

  constructor({ modelName, limits, hasAdapters, epochMs }: MetricsOptions) {
    this.#labels = `engine="0",model_name="${escapeLabel(modelName)}"`
    this.#limits = limits
    this.#hasAdapters = hasAdapters
    this.#epochMs = epochMs
    this.#firstToken = new Histogram('vllm:time_to_first_token_seconds', this.#labels, firstTokenBounds)
    this.#request = new Histogram('vllm:e2e_request_latency_seconds', this.#labels, requestBounds)
  }

  firstToken(promptTokens: number, cachedTokens: number, afterMs: number): void {
    this.#promptTokens += promptTokens
    this.#cachedTokens += cachedTokens
    this.#firstToken.observe(afterMs / 1000)
  }

  finished(reason: FinishReason, generationTokens: number, afterMs: number): void {
    this.#finished[reason] += 1
    this.#generationTokens += generationTokens
    this.#request.observe(afterMs / 1000)
  }

  snapshot(engine: EngineSnapshot): MetricsSnapshot {
    return {
      ...engine,
      promptTokens: this.#promptTokens,
      cachedTokens: this.#cachedTokens,
      generationTokens: this.#generationTokens,
      finished: { ...this.#finished },
    }
  }

  /** The page, in the Prometheus text format 0.0.4. */
  render(engine: EngineSnapshot): string {
    const labels = this.#labels
    const { kvBlocks, kvBlockTokens } = this.#limits
    const cache = `block_size="${kvBlockTokens}",engine="0",num_gpu_blocks="${kvBlocks}"`
    return (
      family('vllm:num_requests_running', 'gauge', 'Requests in the running batch.', labels, engine.running) +
      family('vllm:num_requests_waiting', 'gauge', 'Requests that wait for the batch.', labels, engine.waiting) +
      family('vllm:kv_cache_usage_perc', 'gauge', 'KV cache in use; 1 is all of it.', labels, engine.kvUsage) +
      family('vllm:cache_config_info', 'gauge', 'How the KV cache is set up.', cache, 1) +
      this.#renderAdapters(engine) +
      family('vllm:prompt_tokens_total', 'counter', 'Prompt tokens processed.', labels, this.#promptTokens) +
      family('vllm:prefix_cache_queries_total', 'counter', 'Prompt tokens looked for.', labels, this.#promptTokens) +
      family('vllm:prefix_cache_hits_total', 'counter', 'Of those, found in the cache.', labels, this.#cachedTokens) +
      family('vllm:generation_tokens_total', 'counter', 'Tokens made.', labels, this.#generationTokens) +
      heading('vllm:request_success_total', 'counter', 'Requests by how they finished.') +
      Object.entries(this.#finished)
        .map(([reason, count]) => `vllm:request_success_total{${labels},finished_reason="${reason}"} ${count}\n`)
        .join('') +
      heading(this.#firstToken.name, 'histogram', 'Seconds from arrival to the first token.') +
      this.#firstToken.render() +
      heading(this.#request.name, 'histogram', 'Seconds from arrival to the end of the answer.') +
      this.#request.render()
    )
  }

  /** The value is the time at which these labels came to be: readers of several samples take the one with the largest. */
  #renderAdapters({ runningAdapters, waitingAdapters }: EngineSnapshot): string {
    if (!this.#hasAdapters) return ''
    const labels =
      `max_lora="${this.#limits.maxLoras}",running_lora_adapters="${escapeLabel(runningAdapters.join(','))}",` +
      `waiting_lora_adapters="${escapeLabel(waitingAdapters.join(','))}"`
    if (labels !== this.#adapterLabels) {
      this.#adapterLabels = labels
      this.#adaptersChangedAtS = this.#epochMs() / 1000
    }
    return family('vllm:lora_requests_info', 'gauge', 'Adapters in use.', labels, this.#adaptersChangedAtS)
  }
}

class Histogram {
  readonly name: string
  readonly #bounds: readonly number[]
  /** The text before each count. */
  readonly #lines: readonly string[]
  readonly #labels: string
  /** By bucket, not cumulative; the last is over every bound. */
  readonly #counts: number[]
  #sum = 0

  constructor(name: string, labels: string, bounds: readonly number[]) {
    this.name = name
    this.#labels = labels
    this.#bounds = bounds
    this.#lines = [...bounds, '+Inf'].map((bound) => `${name}_bucket{${labels},le="${bound}"} `)
    this.#counts = this.#lines.map(() => 0)
  }

  observe(value: number): void {
    const bucket = this.#bounds.findIndex((bound) => value <= bound)
    this.#counts[bucket === -1 ? this.#bounds.length : bucket] += 1
    this.#sum += value
  }

  render(): string {
    let text = ''
    let count = 0
    for (const [bucket, line] of this.#lines.entries()) text += `${line}${(count += this.#counts[bucket])}\n`
    return `${text}${this.name}_sum{${this.#labels}} ${this.#sum}\n${this.name}_count{${this.#labels}} ${count}\n`
  }
}

type MetricType = 'counter' | 'gauge' | 'histogram'

function family(name: string, type: MetricType, help: string, labels: string, value: number): string {
  return `${heading(name, type, help)}${name}{${labels}} ${value}\n`
}

function heading(name: string, type: MetricType, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

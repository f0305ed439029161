/** What a request costs in metrics, beside the same observations by prom-client; and a page of a thousand models. */
import { performance } from 'node:perf_hooks'
import { bench, do_not_optimize, group, run, summary } from 'mitata'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ResponsePhase } from '../../src/extproc/response-phase.ts'
import type { Flight } from '../../src/request/flight.ts'
import type { InferenceRequest } from '../../src/request/inference-request.ts'
import type { Route } from '../../src/request/resolve.ts'
import { buckets } from '../../src/telemetry/buckets.ts'
import { createMetrics, type MetricsState } from '../../src/telemetry/metrics.ts'

const state: MetricsState = { openExchanges: () => 0, pools: () => [], resourceProblems: () => 0 }
const endpoint = { address: '10.0.0.1:8000', name: 'server-1', namespace: 'default' }
const flight = { endpoint } as unknown as Flight
const pool = { key: 'default/pool' }
const route = { pool, rewrite: undefined } as unknown as Route
const usage = { promptTokens: 812, completionTokens: 256, cachedTokens: 640, totalTokens: 1068 }

/** A request with the fields that metrics read. Its names are strings of their own, as those of bodies are. */
function requestFor(model: string, fairnessId: string): InferenceRequest {
  const own = Buffer.from(model).toString()
  return {
    model: own,
    targetModel: own,
    priority: 0,
    reader: { model: own },
    facts: { path: '/v1/chat/completions', body: 'plain' },
    hasEnded: false,
    bodyBytes: 3_210,
    startedAtMs: 1_000,
    queuedAtMs: Number.NaN,
    decidedAtMs: 1_001.5,
    bodyEndedAtMs: 1_002,
    hint: () => fairnessId,
    series: undefined,
  } as unknown as InferenceRequest
}

const response = {
  status: 200,
  beganAtMs: 1_050,
  firstTokenAtMs: 1_080,
  endedAtMs: 3_400,
  bytes: 42_000,
  reader: { model: undefined, usage, isStream: true, events: 256 },
} as unknown as ResponsePhase

const models = Array.from({ length: 1_000 }, (_, i) => `organisation/model-name-${i}`)

/** decided and ended of requests for the models in turn. */
function turnOver(emitsLlmdNames: boolean, names: readonly string[]): () => void {
  const { conversationObserver } = createMetrics(state, { emitsLlmdNames })
  const requests = names.map((name, i) => requestFor(name, `tenant-${i % 4}`))
  let next = 0
  return () => {
    const request = requests[next]
    next = next + 1 === requests.length ? 0 : next + 1
    request.series = undefined
    conversationObserver.decided(request, route, flight, 1_024)
    conversationObserver.ended(request, flight, response)
  }
}

/** The same counters and histograms, each with prom-client. */
function turnOverWithPromClient(names: readonly string[]): () => void {
  const registers = [new Registry()]
  const labelNames = ['model_name', 'target_model_name']
  const histogram = (name: string, bounds: readonly number[]) =>
    new Histogram({ name, help: name, labelNames, buckets: [...bounds], registers })
  const requests = new Counter({ name: 'requests', help: 'requests', labelNames, registers })
  const running = new Gauge({ name: 'running', help: 'running', labelNames: ['model_name'], registers })
  const sizes = histogram('a', buckets.requestBytes)
  const durations = histogram('b', buckets.durationSeconds)
  const replies = histogram('c', buckets.responseBytes)
  const input = histogram('d', buckets.promptTokens)
  const cached = histogram('e', buckets.promptTokens)
  const output = histogram('f', buckets.outputTokens)
  const ntpot = histogram('g', buckets.secondsPerToken)
  const ttft = histogram('h', buckets.ttftSeconds)
  const tpot = histogram('i', buckets.tpotSeconds)
  const itl = histogram('j', buckets.itlSeconds)
  let next = 0
  return () => {
    const labels = { model_name: names[next], target_model_name: names[next] }
    next = next + 1 === names.length ? 0 : next + 1
    requests.inc(labels)
    running.inc({ model_name: labels.model_name })
    running.dec({ model_name: labels.model_name })
    sizes.observe(labels, 3_210)
    durations.observe(labels, 2.4)
    replies.observe(labels, 42_000)
    input.observe(labels, 812)
    cached.observe(labels, 640)
    output.observe(labels, 256)
    ntpot.observe(labels, 0.009)
    ttft.observe(labels, 0.08)
    tpot.observe(labels, 0.009)
    itl.observe(labels, 0.009)
  }
}

for (const names of [models.slice(0, 1), models]) {
  group(`one request, ${names.length} models`, () => {
    summary(() => {
      bench('decided and ended', turnOver(false, names))
      bench("decided and ended, llm-d's names too", turnOver(true, names))
      bench('half of it with prom-client', turnOverWithPromClient(names))
    })
  })
}

/** Writes the page of 1,000 models, and says how long the loop stood still meanwhile. */
async function writePage(emitsLlmdNames: boolean): Promise<void> {
  const { registry, conversationObserver } = createMetrics(state, { emitsLlmdNames })
  for (const name of models) {
    const request = requestFor(name, 'default-flow')
    conversationObserver.decided(request, route, flight, 1_024)
    conversationObserver.ended(request, flight, response)
  }
  for (let round = 0; round < 4; round += 1) {
    let lastMs = performance.now()
    let longestMs = 0
    const watch = () => {
      longestMs = Math.max(longestMs, performance.now() - lastMs)
      lastMs = performance.now()
    }
    let immediate = setImmediate(function again() {
      watch()
      immediate = setImmediate(again)
    })
    const startMs = performance.now()
    let bytes = 0
    for await (const piece of registry.pieces()) bytes += Buffer.from(piece).length
    watch()
    clearImmediate(immediate)
    console.log(
      `page of ${models.length} models${emitsLlmdNames ? ", llm-d's names too" : ''}: ${(bytes / 1e6).toFixed(1)} MB in ` +
        `${(performance.now() - startMs).toFixed(0)} ms, the loop stood still for at most ${longestMs.toFixed(1)} ms`,
    )
  }
}

do_not_optimize(await run())
await writePage(false)
await writePage(true)
process.exit()

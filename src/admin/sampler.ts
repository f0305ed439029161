import { PageValues } from '../telemetry/page-sum.ts'
import { statesPerModelCount } from './limits.ts'
import { type Buckets, bucketsOf, quantileBetween, seriesOf, sumOf } from './readings.ts'

/** The page of metrics of the whole service, or of those of its families that are named. */
export type MetricsSource = {
  readonly contentType: string
  pieces(names?: ReadonlySet<string>): AsyncIterable<string>
}

const families = {
  results: 'signalbox_requests_total',
  responses: 'signalbox_upstream_responses_total',
  ttft: 'signalbox_ttft_seconds',
  outputTokens: 'signalbox_output_tokens_total',
  picks: 'signalbox_endpoint_requests_total',
  queue: 'signalbox_queue_requests',
  saturation: 'inference_extension_flow_control_pool_saturation',
  prefixHits: 'inference_extension_prefix_indexer_hit_ratio',
} as const
const everySecond: ReadonlySet<string> = new Set(Object.values(families))

const modelFamilies = {
  requests: 'inference_objective_request_total',
  errors: 'inference_objective_request_error_total',
} as const
const withModels: ReadonlySet<string> = new Set([...everySecond, ...Object.values(modelFamilies)])

/** What the counters say of the time between two readings. Rates are per second. */
export type Sample = {
  readonly sent: number
  readonly shed: number
  readonly refused: number
  readonly serverErrors: number
  /** Undefined without an answer in that time. */
  readonly ttftP50Seconds: number | undefined
  readonly ttftP90Seconds: number | undefined
  readonly outputTokens: number
  /** 0 to 1; undefined when no prompt was looked up. */
  readonly prefixHitShare: number | undefined
  /** Since the start, by result. */
  readonly results: ReadonlyMap<string, number>
  /** Requests sent to an endpoint, by address. */
  readonly picks: ReadonlyMap<string, number>
  /** How full a pool is, by its name in metrics. */
  readonly saturation: ReadonlyMap<string, number>
  /** Requests that wait by priority, by the pool's name in metrics. */
  readonly waiting: ReadonlyMap<string, ReadonlyMap<number, number>>
}

/** Requests by model, per second. */
export type ModelRate = { requests: number; errors: number; readonly targets: Map<string, number> }

/** Results that mean: goes on. All others are refusals. */
const sentResults = new Set(['routed', 'named', 'passed'])
/** Refusals for want of room. */
const shedResults = new Set(['saturated', 'not_admitted', 'queue_timeout', 'overloaded'])

type Reading = {
  readonly nowMs: number
  readonly results: ReadonlyMap<string, number>
  readonly serverErrors: number
  readonly ttft: Buckets
  readonly outputTokens: number
  readonly picks: ReadonlyMap<string, number>
  readonly prefixLookups: number
  readonly prefixHits: number
}

type ModelCounts = { requests: number; errors: number; readonly targets: Map<string, number> }

/** Reads the counters of the service again and again, and tells what has happened between. One at a time. */
export class Sampler {
  readonly #source: MetricsSource
  readonly #nowMs: () => number
  #before: Reading | undefined
  #samples = 0
  #modelsBefore: { readonly nowMs: number; readonly counts: ReadonlyMap<string, ModelCounts> } | undefined
  #modelRates: ReadonlyMap<string, ModelRate> = new Map()

  constructor(source: MetricsSource, nowMs: () => number) {
    this.#source = source
    this.#nowMs = nowMs
  }

  /** By model. Another map when they are new: they are read more rarely than the rest. */
  get modelRates(): ReadonlyMap<string, ModelRate> {
    return this.#modelRates
  }

  async sample(): Promise<Sample> {
    const readsModels = this.#samples % statesPerModelCount === 0
    this.#samples += 1
    const page = new PageValues()
    for await (const text of this.#source.pieces(readsModels ? withModels : everySecond)) page.read(text)
    const nowMs = this.#nowMs()
    if (readsModels) this.#countModels(page, nowMs)
    const reading = read(page, nowMs)
    const before = this.#before ?? reading
    this.#before = reading
    return { ...between(before, reading), ...levelsOf(page) }
  }

  #countModels(page: PageValues, nowMs: number): void {
    const counts = modelCounts(page)
    const before = this.#modelsBefore
    this.#modelsBefore = { nowMs, counts }
    if (before === undefined) return
    const seconds = (nowMs - before.nowMs) / 1000
    const rates = new Map<string, ModelRate>()
    for (const [model, { requests, errors, targets }] of counts) {
      const was = before.counts.get(model)
      if (was?.requests === requests && was.errors === errors) continue
      rates.set(model, {
        requests: rate(was?.requests, requests, seconds),
        errors: rate(was?.errors, errors, seconds),
        targets: new Map(Array.from(targets, ([name, count]) => [name, rate(was?.targets.get(name), count, seconds)])),
      })
    }
    this.#modelRates = rates
  }
}

function read(page: PageValues, nowMs: number): Reading {
  let serverErrors = 0
  for (const [labels, value] of seriesOf(page, families.responses)) if (labels.class === '5xx') serverErrors = value
  return {
    nowMs,
    results: new Map(Array.from(seriesOf(page, families.results), ([{ result }, count]) => [result, count])),
    serverErrors,
    ttft: bucketsOf(page, families.ttft),
    outputTokens: sumOf(page, families.outputTokens),
    picks: new Map(Array.from(seriesOf(page, families.picks), ([{ address }, count]) => [address, count])),
    prefixLookups: sumOf(page, families.prefixHits, '_count'),
    prefixHits: sumOf(page, families.prefixHits, '_sum'),
  }
}

function between(before: Reading, now: Reading): Omit<Sample, 'saturation' | 'waiting'> {
  const seconds = (now.nowMs - before.nowMs) / 1000
  const rates = { sent: 0, shed: 0, refused: 0 }
  for (const [result, count] of now.results) {
    const what = sentResults.has(result) ? 'sent' : shedResults.has(result) ? 'shed' : 'refused'
    rates[what] += rate(before.results.get(result), count, seconds)
  }
  const lookups = now.prefixLookups - before.prefixLookups
  return {
    ...rates,
    serverErrors: rate(before.serverErrors, now.serverErrors, seconds),
    ttftP50Seconds: quantileBetween(before.ttft, now.ttft, 0.5),
    ttftP90Seconds: quantileBetween(before.ttft, now.ttft, 0.9),
    outputTokens: rate(before.outputTokens, now.outputTokens, seconds),
    prefixHitShare: lookups > 0 ? Math.max(0, now.prefixHits - before.prefixHits) / lookups : undefined,
    results: now.results,
    picks: new Map(
      Array.from(now.picks, ([address, count]) => [address, rate(before.picks.get(address), count, seconds)]),
    ),
  }
}

function levelsOf(page: PageValues): Pick<Sample, 'saturation' | 'waiting'> {
  const waiting = new Map<string, Map<number, number>>()
  for (const [{ inference_pool: pool, priority }, requests] of seriesOf(page, families.queue)) {
    const bands = waiting.get(pool) ?? new Map<number, number>()
    waiting.set(pool, bands.set(Number(priority), requests))
  }
  const saturation = Array.from(
    seriesOf(page, families.saturation),
    ([{ inference_pool: pool }, value]) => [pool, value] as const,
  )
  return { saturation: new Map(saturation), waiting }
}

function modelCounts(page: PageValues): Map<string, ModelCounts> {
  const counts = new Map<string, ModelCounts>()
  const of = (model: string): ModelCounts => {
    let its = counts.get(model)
    if (its === undefined) {
      its = { requests: 0, errors: 0, targets: new Map() }
      counts.set(model, its)
    }
    return its
  }
  for (const [{ model_name, target_model_name }, value] of seriesOf(page, modelFamilies.requests)) {
    const its = of(model_name)
    its.requests += value
    its.targets.set(target_model_name, (its.targets.get(target_model_name) ?? 0) + value)
  }
  for (const [{ model_name }, value] of seriesOf(page, modelFamilies.errors)) of(model_name).errors += value
  return counts
}

/** Per second. What is new since the last reading has been counted since then; a counter that fell began anew. */
function rate(before: number | undefined, now: number, seconds: number): number {
  return seconds > 0 ? Math.max(0, now - (before ?? 0)) / seconds : 0
}

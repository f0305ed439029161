import type { EndpointMetrics } from './endpoint.ts'
import type { CacheSize, Engine, Selector } from './engines.ts'
import { labelsOf, type Sample, samplesOf } from './exposition.ts'

/**
 * What a metrics page says of a server's load. What the page lacks, and what it gives as NaN, infinite or negative,
 * stays as it was in `previous`. A page with nothing to take returns `previous` itself.
 */
export function readMetricsPage(
  page: Buffer,
  engine: Engine,
  previous: EndpointMetrics,
  nowMs: number,
): EndpointMetrics {
  // Ranks of data parallelism share one address, and the server spreads requests over them itself. So the load of the
  // address is all their requests, and its cache is as full as their caches, which are of one size, are on average.
  const queued = sum(gaugePerRank(page, engine.queued, engine.rankLabel))
  const running = sum(gaugePerRank(page, engine.running, engine.rankLabel))
  const kvUsage = mean(gaugePerRank(page, engine.kvUsage, engine.rankLabel))
  const adapters = engine.adapters && latestAdapters(page, engine.adapters)
  const cache = cacheSize(page, engine.cache, engine.rankLabel)
  const hasLoad = queued !== undefined || running !== undefined || kvUsage !== undefined || adapters !== undefined
  if (!hasLoad && cache === undefined) return previous
  return {
    queued: queued ?? previous.queued,
    running: running ?? previous.running,
    kvUsage: kvUsage === undefined ? previous.kvUsage : Math.min(kvUsage, 1),
    activeAdapters: adapters?.active ?? previous.activeAdapters,
    waitingAdapters: adapters?.waiting ?? previous.waitingAdapters,
    maxAdapters: adapters?.max ?? previous.maxAdapters,
    blockTokens: cache?.blockTokens ?? previous.blockTokens,
    cacheBlocks: cache?.cacheBlocks ?? previous.cacheBlocks,
    updatedAtMs: nowMs,
  }
}

/**
 * The value of each rank, one only where the series tell no ranks. Of several series of one rank the latest counts, by
 * timestamp and then by place. Undefined if the page has none, or if one is no load: half a sum would look like idleness.
 */
function gaugePerRank(
  page: Buffer,
  selectors: readonly Selector[],
  rankLabel: string | undefined,
): number[] | undefined {
  for (const selector of selectors) {
    const samples = selected(page, selector)
    if (samples.length === 0) continue
    const latest = samples.length === 1 ? samples : [...latestPerRank(samples, rankLabel).values()]
    return latest.every(isLoad) ? latest.map((sample) => sample.value) : undefined
  }
  return undefined
}

function selected(page: Buffer, { name, label }: Selector): Sample[] {
  const samples = samplesOf(page, name)
  if (label === undefined) return samples
  const [labelName, value] = label
  return samples.filter((sample) => (labelsOf(sample).get(labelName) ?? '') === value)
}

function latestPerRank(samples: readonly Sample[], rankLabel: string | undefined): Map<string, Sample> {
  const latest = new Map<string, Sample>()
  for (const sample of samples) {
    const rank = (rankLabel !== undefined && labelsOf(sample).get(rankLabel)) || ''
    const rival = latest.get(rank)
    if (rival === undefined || sample.timestampMs >= rival.timestampMs) latest.set(rank, sample)
  }
  return latest
}

function isLoad(sample: Sample): boolean {
  return Number.isFinite(sample.value) && sample.value >= 0
}

/** Undefined also where the values are finite and their sum is not. */
function sum(values: readonly number[] | undefined): number | undefined {
  const total = values?.reduce((total, value) => total + value, 0)
  return Number.isFinite(total) ? total : undefined
}

function mean(values: readonly number[] | undefined): number | undefined {
  const total = sum(values)
  return total === undefined ? undefined : total / values!.length
}

type Adapters = { readonly active: ReadonlySet<string>; readonly waiting: ReadonlySet<string>; readonly max: number }

/**
 * vLLM keeps a series for every state that its adapters were ever in; the value is the time of that state in seconds,
 * so the largest tells the present one; of equal ones the last.
 */
function latestAdapters(page: Buffer, selector: Selector): Adapters | undefined {
  let latest: Sample | undefined
  for (const sample of selected(page, selector)) {
    if (isLoad(sample) && (latest === undefined || sample.value >= latest.value)) latest = sample
  }
  if (latest === undefined) return undefined
  const labels = labelsOf(latest)
  const max = Number(labels.get('max_lora'))
  return {
    active: adapterNames(labels.get('running_lora_adapters')),
    waiting: adapterNames(labels.get('waiting_lora_adapters')),
    max: isCount(max) ? max : 0,
  }
}

const noAdapters: ReadonlySet<string> = new Set()

function adapterNames(list: string | undefined): ReadonlySet<string> {
  if (!list) return noAdapters
  return new Set(
    list
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  )
}

type Cache = { readonly blockTokens: number; readonly cacheBlocks: number }

/** The blocks of all ranks together: each keeps other prompts. Undefined if the page does not say both numbers. */
function cacheSize(page: Buffer, size: CacheSize, rankLabel: string | undefined): Cache | undefined {
  let blockTokens: number | undefined
  let cacheBlocks: number | undefined
  switch (size.kind) {
    case 'labels': {
      const ranks = [...latestPerRank(selected(page, size.info), rankLabel).values()].map(labelsOf)
      blockTokens = Number(ranks[0]?.get(size.blockTokens))
      // vLLM writes None until it has measured how many blocks fit.
      cacheBlocks = ranks.reduce((total, labels) => total + Number(labels.get(size.cacheBlocks)), 0)
      break
    }
    case 'gauges':
      blockTokens = gaugePerRank(page, [size.blockTokens], rankLabel)?.[0]
      cacheBlocks = sum(gaugePerRank(page, [size.cacheBlocks], rankLabel))
  }
  return isCount(blockTokens) && isCount(cacheBlocks) ? { blockTokens, cacheBlocks } : undefined
}

const isCount = (value: number | undefined): value is number => Number.isSafeInteger(value) && value! > 0

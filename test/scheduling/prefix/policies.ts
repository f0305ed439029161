import type { Endpoint } from '../../../src/pool/endpoint.ts'
import type { Plugin, Scorer } from '../../../src/scheduling/plugin.ts'
import { approxPrefixCacheProducer } from '../../../src/scheduling/prefix/approx-prefix-cache-producer.ts'
import { consistentHashScorer } from '../../../src/scheduling/prefix/consistent-hash-scorer.ts'
import { noHitLruScorer } from '../../../src/scheduling/prefix/no-hit-lru-scorer.ts'
import { prefixCacheScorer } from '../../../src/scheduling/prefix/prefix-cache-scorer.ts'
import { activeRequestScorer } from '../../../src/scheduling/scorers/active-request.ts'
import { kvCacheUtilizationScorer } from '../../../src/scheduling/scorers/kv-cache-utilization.ts'
import { loraAffinityScorer } from '../../../src/scheduling/scorers/lora-affinity.ts'
import { queueScorer } from '../../../src/scheduling/scorers/queue.ts'
import { pluginContext } from '../context.ts'
import { seededRandom } from '../endpoints.ts'
import type { Policy } from './fleet.ts'
import { type Arrival, blockTokens, bytesPerToken } from './traces.ts'

const kinds = [
  queueScorer,
  kvCacheUtilizationScorer,
  activeRequestScorer,
  loraAffinityScorer,
  prefixCacheScorer,
  noHitLruScorer,
  consistentHashScorer,
]

export type Weighted = { readonly type: string; readonly weight: number; readonly parameters?: unknown }

export function randomPolicy(seed: number): Policy {
  const random = seededRandom(seed)
  return { route: (_request, candidates) => candidates[Math.floor(random() * candidates.length)], ended() {} }
}

/** The sum of weighted scores, the best one of which wins: what a profile does. */
export function scored(seed: number, weighted: readonly Weighted[]): Policy {
  const random = seededRandom(seed)
  const producer = approxPrefixCacheProducer.create({}, pluginContext())
  const context = pluginContext({ plugins: { 'approx-prefix-cache-producer': producer } })
  const scorers = weighted.map(({ type, weight, parameters }) => {
    const scorer: Scorer = kinds.find((kind) => kind.type === type)!.create(parameters, context)
    return { scorer, weight }
  })
  const plugins: Plugin[] = [producer, ...scorers.map(({ scorer }) => scorer)]
  const scores = new Float64Array(64)
  return {
    route(request, candidates) {
      producer.produce?.(request, candidates)
      const totals = candidates.map(() => 0)
      for (const { scorer, weight } of scorers) {
        scorer.score(request, candidates, scores)
        for (let i = 0; i < totals.length; i += 1) totals[i] += scores[i] * weight
      }
      const endpoint = best(candidates, totals, random)
      for (const plugin of plugins) plugin.routed?.(request, endpoint)
      return endpoint
    },
    ended(request, endpoint, usage) {
      for (const plugin of plugins) plugin.ended?.(request, endpoint, usage)
    },
  }
}

/** The reference's default without configuration: queue 2, KV cache 2, and 3 for its own index of the first 16 KiB. */
export function referencePolicy(seed: number): Policy {
  const random = seededRandom(seed)
  const load = [
    { scorer: queueScorer.create({}, pluginContext()), weight: 2 },
    { scorer: kvCacheUtilizationScorer.create({}, pluginContext()), weight: 2 },
  ]
  const held = new Map<Endpoint, Map<string, true>>()
  const scores = new Float64Array(64)
  return {
    route(request, candidates, arrival) {
      const chain = referenceChain(arrival)
      const totals = candidates.map((candidate) => {
        const cache = held.get(candidate)
        let matched = 0
        while (matched < chain.length && cache?.has(chain[matched])) matched += 1
        return 3 * (chain.length === 0 ? 0 : matched / chain.length)
      })
      for (const { scorer, weight } of load) {
        scorer.score(request, candidates, scores)
        for (let i = 0; i < totals.length; i += 1) totals[i] += scores[i] * weight
      }
      const endpoint = best(candidates, totals, random)
      const cache = held.get(endpoint) ?? new Map<string, true>()
      held.set(endpoint, cache)
      for (const key of chain) {
        cache.delete(key)
        cache.set(key, true)
      }
      for (const key of cache.keys()) {
        if (cache.size <= endpoint.metrics.cacheBlocks) break
        cache.delete(key)
      }
      return endpoint
    },
    ended() {},
  }
}

const referenceBlockBytes = 64
const referenceMaxBlocks = 256

/** Names of the blocks that the reference hashes, the last one of which may be cut short. */
function referenceChain({ blocks }: Arrival): string[] {
  const blockBytes = blockTokens * bytesPerToken
  const count = Math.min(referenceMaxBlocks, Math.ceil((blocks.length * blockBytes) / referenceBlockBytes))
  return Array.from({ length: count }, (_, i) => {
    const lastByte = Math.min((i + 1) * referenceBlockBytes, blocks.length * blockBytes) - 1
    return `${blocks[Math.floor(lastByte / blockBytes)]}/${i}`
  })
}

function best(candidates: readonly Endpoint[], totals: readonly number[], random: () => number): Endpoint {
  const most = Math.max(...totals)
  const equals = candidates.filter((_, i) => totals[i] === most)
  return equals[Math.floor(random() * equals.length)]
}

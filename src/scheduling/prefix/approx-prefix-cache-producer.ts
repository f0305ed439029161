import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import { bytesPerToken, type PrefixMatches, type PromptPrefix, type SchedulingRequest, type Usage } from '../plugin.ts'
import type { PluginKind } from '../plugin-kind.ts'
import { PrefixIndex } from './prefix-index.ts'
import { TokenLength } from './token-length.ts'

/** Parameters as the reference endpoint picker has them, and some of its configurations give them to the scorer. */
export const prefixCacheParameters = {
  /** Take the size of each server's cache from its metrics. */
  autoTune: z.boolean().default(true),
  blockSizeTokens: z.int().min(1).default(16),
  /** Undefined: the whole prompt, rather than the 256 blocks of the reference, to which long prompts look alike. */
  maxPrefixBlocksToMatch: z.int().min(0).optional(),
  /** Counts instead of the blocks when it is not 0. */
  maxPrefixTokensToMatch: z.int().min(0).default(0),
  /** Blocks of a server's cache where its metrics do not say. */
  lruCapacityPerServer: z.int().min(1).default(31_250),
  blockSize: z.undefined('"blockSize" counted characters and is gone: use "blockSizeTokens"').optional(),
}

export type PrefixCacheParameters = z.output<z.ZodObject<typeof prefixCacheParameters>>

const type = 'approx-prefix-cache-producer'
const parameters = z.strictObject(prefixCacheParameters)

export const approxPrefixCacheProducer: PluginKind<PrefixMatches> = {
  type,
  parameters,
  create: (given) => new ApproxPrefixMatches(parameters.parse(given ?? {})),
}

/** What is told to others: to which address a prompt with these keys went. */
type Placement = readonly [address: string, keys: Float64Array]

/** Remembers what was sent where, and learns from the usage in answers how far that can be trusted. */
class ApproxPrefixMatches implements PrefixMatches {
  readonly type = type
  readonly readsPrompt = true
  readonly #index: PrefixIndex
  readonly #tokenLength = new TokenLength()
  readonly #maxBytes: number
  #candidates: readonly Endpoint[] = []
  /** `#matched[i]` belongs to `#candidates[i]`. */
  #matched = new Float64Array(0)
  #total = 0
  /** Where in the candidates the last one stood that was asked for. */
  #at = 0
  #tell: ((lesson: unknown) => void) | undefined
  /** What the endpoint was thought to have of the prompts under way, where it was something. */
  readonly #assumed = new Map<SchedulingRequest, { readonly endpoint: Endpoint; readonly bytes: number }>()

  constructor(parameters: PrefixCacheParameters) {
    const { autoTune, blockSizeTokens, lruCapacityPerServer } = parameters
    this.#maxBytes = maxMatchBytes(parameters)
    this.#index = new PrefixIndex(({ metrics }) => {
      const tunes = autoTune && metrics.cacheBlocks > 0 && metrics.blockTokens > 0
      const tokens = tunes ? metrics.cacheBlocks * metrics.blockTokens : lruCapacityPerServer * blockSizeTokens
      return tokens * this.#tokenLength.bytes
    })
  }

  produce(request: SchedulingRequest, candidates: readonly Endpoint[]): void {
    this.#candidates = candidates
    this.#at = 0
    this.#total = 0
    if (this.#matched.length < candidates.length) this.#matched = new Float64Array(candidates.length)
    if (request.prompt === undefined) return
    this.#total = this.#index.match(request.prompt, request.targetModel, this.#maxBytes, candidates, this.#matched)
  }

  matchedBytes(endpoint: Endpoint): number {
    if (this.#total === 0) return 0
    // Filters keep the order, so that scorers ask in the order of the candidates: each search is short.
    const count = this.#candidates.length
    for (let steps = 0; steps < count; steps += 1) {
      if (this.#candidates[this.#at] === endpoint) return this.#matched[this.#at]
      this.#at = this.#at + 1 === count ? 0 : this.#at + 1
    }
    return 0
  }

  indexEntries(endpoint: Endpoint): number {
    return this.#index.entriesOf(endpoint)
  }

  totalBytes(): number {
    return this.#total
  }

  routed(request: SchedulingRequest, endpoint: Endpoint): void {
    if (request.prompt === undefined) return
    const bytes = this.#add(request.prompt, request.targetModel, endpoint)
    if (bytes > 0) this.#assumed.set(request, { endpoint, bytes })
  }

  promptRead(request: SchedulingRequest, endpoint: Endpoint): void {
    if (request.prompt !== undefined) this.#add(request.prompt, request.targetModel, endpoint)
  }

  onLesson(tell: (lesson: unknown) => void): void {
    this.#tell = tell
  }

  learn(lesson: unknown, endpointAt: (address: string) => Endpoint | undefined): void {
    const [address, keys] = lesson as Placement
    const endpoint = endpointAt(address)
    if (endpoint !== undefined) this.#index.learn(keys, endpoint)
  }

  #add(prompt: PromptPrefix, model: string, endpoint: Endpoint): number {
    const bytes = this.#index.add(prompt, model, endpoint)
    // What it had of a prompt before, and all of it, is no news.
    if (bytes < this.#index.addedBytes) this.#tell?.([endpoint.address, this.#index.added] satisfies Placement)
    return bytes
  }

  ended(request: SchedulingRequest, endpoint: Endpoint, usage: Usage | undefined): void {
    const assumed = this.#assumed.get(request)
    if (assumed?.endpoint === endpoint) this.#assumed.delete(request)
    if (usage?.promptTokens === undefined) return
    if (request.prompt !== undefined) this.#tokenLength.learn(request.promptBytes, usage.promptTokens)
    if (usage.cachedTokens === undefined || assumed?.endpoint !== endpoint) return
    this.#index.correct(endpoint, assumed.bytes, usage.cachedTokens * this.#tokenLength.bytes)
  }
}

function maxMatchBytes(parameters: PrefixCacheParameters): number {
  const { maxPrefixTokensToMatch, maxPrefixBlocksToMatch, blockSizeTokens } = parameters
  if (maxPrefixTokensToMatch > 0) return maxPrefixTokensToMatch * bytesPerToken
  if (maxPrefixBlocksToMatch === undefined) return Number.POSITIVE_INFINITY
  return maxPrefixBlocksToMatch * blockSizeTokens * bytesPerToken
}

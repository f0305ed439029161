import type { PoolQueues } from '../../src/admission/pool-queues.ts'
import type { ConversationContext, Routing } from '../../src/extproc/conversation-context.ts'
import { HeldMemory } from '../../src/extproc/held-memory.ts'
import type { Endpoint } from '../../src/pool/endpoint.ts'
import type { ParserSet } from '../../src/request/bodies/parsers.ts'
import { createHeaderTable } from '../../src/request/control-headers.ts'
import type { RefusalCode } from '../../src/request/errors.ts'
import { defaultLimits, type Limits } from '../../src/request/limits.ts'
import type { AttributeReporter } from '../../src/response/attributes.ts'
import { usageMetadata } from '../../src/response/usage-metadata.ts'
import { nothingScheduled } from '../../src/scheduling/plugin.ts'
import type { Scheduler } from '../../src/scheduling/scheduler.ts'
import { endpointAt } from '../pool/endpoint-at.ts'
import { ManualClock } from '../pool/manual-clock.ts'
import { type CatalogInput, catalogOf } from '../request/catalog-of.ts'

export type WorldInput = Omit<CatalogInput, 'pools'> & {
  /** Addresses of the endpoints by pool. */
  readonly pools?: Readonly<Record<string, readonly string[]>>
  readonly limits?: Partial<Limits>
  readonly rejectsUnknownModels?: boolean
  readonly keepsContentLength?: boolean
  readonly trustsHints?: boolean
  readonly keepsToSubset?: boolean
  readonly parsers?: ParserSet
  /** What the scheduler does otherwise than to pick the fewest requests in flight. */
  readonly scheduler?: Partial<Scheduler>
  /** Makes the queues that requests wait in. */
  readonly queues?: ((endpoints: readonly Endpoint[], clock: ManualClock) => PoolQueues) | undefined
  readonly reporters?: readonly AttributeReporter[]
  readonly answerHere?: ConversationContext['answerHere']
  readonly random?: () => number
}

/** What conversations are held in: the snapshot, the live endpoints, and what an operator would have counted. */
export type World = {
  readonly context: ConversationContext
  readonly routing: Routing
  /** Undefined where requests do not wait. */
  readonly queues: PoolQueues | undefined
  readonly endpoints: readonly Endpoint[]
  /** `model → pool/target` of each decision. */
  readonly decided: string[]
  readonly refused: RefusalCode[]
  unroutable: number
  readonly clock: ManualClock
  /** `model status` of each exchange that has ended. */
  readonly ended: string[]
}

/** Picks the endpoints with the fewest requests in flight. */
const fewestInFlight: Scheduler = {
  headerNames: [],
  readsPrompt: false,
  readsMedia: false,
  hasAdmitters: false,
  schedule: (_request, candidates) => ({
    ...nothingScheduled,
    endpoints: candidates.toSorted((a, b) => a.inFlight - b.inFlight).slice(0, 2),
  }),
  saturation: () => 0,
  refusal: () => undefined,
  routed: () => {},
  promptRead: () => {},
  responseStarted: () => false,
  fairnessIdOf: () => undefined,
  responseHeaders: () => [],
  ended: () => {},
}

export function createWorld(input: WorldInput = {}): World {
  const { pools = {}, limits, rejectsUnknownModels = false, keepsContentLength = false, random = () => 0.5 } = input
  const { trustsHints = true, keepsToSubset = true, parsers, reporters = [], answerHere = () => undefined } = input
  const catalog = catalogOf({ ...input, pools: Object.keys(pools) })
  const byPool = new Map(
    Object.entries(pools).map(([key, addresses]) => [key, addresses.map((address) => endpointAt(address))]),
  )
  const endpoints = [...byPool.values()].flat()
  const clock = new ManualClock()
  const queues = input.queues?.(endpoints, clock)
  const scheduler = { ...fewestInFlight, ...input.scheduler }
  const world: World = {
    routing: { catalog, table: createHeaderTable([...catalog.headerNames, ...scheduler.headerNames]) },
    queues,
    endpoints,
    decided: [],
    refused: [],
    unroutable: 0,
    clock,
    ended: [],
    context: {
      limits: { ...defaultLimits, ...limits },
      heldMemory: new HeldMemory(limits?.maxTotalHeldBytes ?? defaultLimits.maxTotalHeldBytes),
      clock,
      parsers,
      scheduling: {
        endpointsOf: (key) => byPool.get(key) ?? [],
        endpointAt: (address) => endpoints.find((endpoint) => endpoint.address === address),
        scheduler,
        keepsToSubset,
        released: (key) => queues?.release(key),
        spent: () => {},
      },
      admission: { flowOf: (key) => queues?.of(key) },
      response: { nowMs: () => clock.nowMs(), usageMetadata: (reader) => usageMetadata(reader, reporters) },
      rejectsUnknownModels,
      keepsContentLength,
      trustsHints,
      answerHere,
      random,
      observer: {
        decided: ({ model }, { pool, target }) =>
          void world.decided.push(`${model ?? 'no model'} → ${pool?.name ?? 'no pool'}/${target?.name ?? 'as it is'}`),
        refused: (code) => void world.refused.push(code),
        unroutable: () => void world.unroutable++,
        ended: ({ model }, _flight, response) =>
          void world.ended.push(`${model ?? 'no model'} ${response?.status ?? 'unseen'}`),
      },
    },
  }
  return world
}

/** One pool with one server; models that keep their name or get a longer, a shorter or an equally long one. */
export const onePool = {
  pools: { 'default/qwen-pool': ['10.0.0.1:8000'] },
  models: {
    qwen: { pool: 'default/qwen-pool', targets: { qwen: 1 } },
    chat: { pool: 'default/qwen-pool', targets: { 'chat-large-v2': 1 } },
    'assistant-of-the-house': { pool: 'default/qwen-pool', targets: { qwen: 1 } },
    gpt_a: { pool: 'default/qwen-pool', targets: { gpt_b: 1 } },
  },
} as const satisfies WorldInput

/** The changes of the headers that route a request to {@link onePool}'s server. */
export const routed = (model: string): string =>
  `x-gateway-destination-endpoint=10.0.0.1:8000 x-gateway-model-name=${model}`

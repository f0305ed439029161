import type { ConversationContext, Routing } from '../../src/extproc/conversation.ts'
import type { Endpoint } from '../../src/pool/endpoint.ts'
import { createHeaderTable } from '../../src/request/control-headers.ts'
import type { RefusalCode } from '../../src/request/errors.ts'
import { defaultLimits, type Limits } from '../../src/request/limits.ts'
import { endpointAt } from '../pool/endpoint-at.ts'
import { type CatalogInput, catalogOf } from '../request/catalog-of.ts'

export type WorldInput = Omit<CatalogInput, 'pools'> & {
  /** Addresses of the endpoints by pool. */
  readonly pools?: Readonly<Record<string, readonly string[]>>
  readonly limits?: Partial<Limits>
  readonly rejectsUnknownModels?: boolean
  readonly keepsContentLength?: boolean
  readonly random?: () => number
}

/** What conversations are held in: the snapshot, the live endpoints, and what an operator would have counted. */
export type World = {
  readonly context: ConversationContext
  readonly routing: Routing
  readonly endpoints: readonly Endpoint[]
  /** `model → pool/target` of each decision. */
  readonly decided: string[]
  readonly refused: RefusalCode[]
  unroutable: number
}

/** Endpoints are picked with the fewest requests in flight first. */
export function createWorld(input: WorldInput = {}): World {
  const { pools = {}, limits, rejectsUnknownModels = false, keepsContentLength = false, random = () => 0.5 } = input
  const catalog = catalogOf({ ...input, pools: Object.keys(pools) })
  const byPool = new Map(
    Object.entries(pools).map(([key, addresses]) => [key, addresses.map((address) => endpointAt(address))]),
  )
  const world: World = {
    routing: { catalog, table: createHeaderTable(catalog.headerNames) },
    endpoints: [...byPool.values()].flat(),
    decided: [],
    refused: [],
    unroutable: 0,
    context: {
      limits: { ...defaultLimits, ...limits },
      scheduling: {
        endpointsOf: (key) => byPool.get(key) ?? [],
        schedule: (_request, candidates) => candidates.toSorted((a, b) => a.inFlight - b.inFlight).slice(0, 2),
      },
      rejectsUnknownModels,
      keepsContentLength,
      random,
      observer: {
        decided: (model, { pool, target }) =>
          void world.decided.push(`${model ?? 'no model'} → ${pool?.name ?? 'no pool'}/${target?.name ?? 'as it is'}`),
        refused: (code) => void world.refused.push(code),
        unroutable: () => void world.unroutable++,
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

import { type Catalog, emptyCatalog, type Pool } from '../../src/catalog/catalog.ts'
import { systemClock } from '../../src/clock.ts'
import type { ConversationContext, ConversationObserver } from '../../src/extproc/conversation-context.ts'
import { HeldMemory } from '../../src/extproc/held-memory.ts'
import { type Endpoint, unknownMetrics } from '../../src/pool/endpoint.ts'
import { defaultLimits } from '../../src/request/limits.ts'
import { createDefaultConfiguration } from '../../src/scheduling/default-configuration.ts'
import { createScheduler } from '../../src/scheduling/scheduler.ts'

const pool: Pool = {
  key: 'default/pool',
  namespace: 'default',
  name: 'pool',
  selector: [],
  targetPorts: [8000],
  appProtocol: 'http',
}

/** One pool, so that every request is its. */
export const catalog: Catalog = { ...emptyCatalog, pools: new Map([[pool.key, pool]]) }

/** Servers of the pool, each busier than the one before. */
export const createEndpoints = (count: number): Endpoint[] =>
  Array.from({ length: count }, (_, i) => ({
    address: `10.0.0.${i}:8000`,
    name: `server-${i}`,
    namespace: 'default',
    labels: {},
    metrics: { ...unknownMetrics, queued: i, kvUsage: i / 10 },
    isReachable: true,
    inFlight: 0,
    endsUnseen: false,
    inFlightTokens: 0,
  }))

const world = { nowMs: systemClock.nowMs, staleAfterMs: (thresholdMs: number) => thresholdMs }

/** What a conversation needs, by the default configuration of plugins, with nothing that is switched on beside it. */
export const createContext = (
  endpoints: readonly Endpoint[],
  observer: ConversationObserver,
  keepsScores = false,
): ConversationContext => ({
  limits: defaultLimits,
  heldMemory: new HeldMemory(defaultLimits.maxTotalHeldBytes),
  clock: systemClock,
  parsers: undefined,
  scheduling: {
    endpointsOf: () => endpoints,
    endpointAt: () => undefined,
    scheduler: createScheduler(createDefaultConfiguration(world), { keepsScores }),
    keepsToSubset: true,
    hidesScores: true,
    released() {},
    spent() {},
  },
  admission: { flowOf: () => undefined },
  response: { nowMs: systemClock.nowMs, usageMetadata: () => undefined },
  rejectsUnknownModels: false,
  keepsContentLength: false,
  trustsHints: true,
  answerHere: () => undefined,
  random: Math.random,
  observer,
})

import { type Catalog, emptyCatalog, type Pool } from '../../src/catalog/catalog.ts'
import { systemClock } from '../../src/clock.ts'
import { type Endpoint, unknownMetrics } from '../../src/pool/endpoint.ts'

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

export const world = { nowMs: systemClock.nowMs, staleAfterMs: (thresholdMs: number) => thresholdMs }

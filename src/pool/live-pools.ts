import type { Catalog, Pool } from '../catalog/catalog.ts'
import { type Endpoint, type EndpointSpec, unknownMetrics } from './endpoint.ts'
import { selectMembers } from './membership.ts'

/** The state of a pool in numbers; the averages are over the endpoints that a scrape has answered for, 0 without any. */
export type PoolAverages = {
  readonly queued: number
  readonly running: number
  /** 0 to 1. */
  readonly kvUsage: number
  /** Endpoints in the pool. */
  readonly ready: number
}

/** The pools' endpoints are read-only to all but their owner here. */
type OwnedEndpoint = { -readonly [Field in keyof Endpoint]: Endpoint[Field] }

type Owned = {
  readonly endpoint: OwnedEndpoint
  /** Another server at the same address is another endpoint. */
  readonly serverName: string
  /** The last update that had it. */
  update: number
  /** Another server is at the address now. */
  isReplaced: boolean
}

/** What the last update made of a pool. */
type Settled = {
  readonly pool: Pool
  readonly specs: readonly EndpointSpec[]
  readonly owned: readonly Owned[]
  /** Some address was another pool's by then, or another server's: whose it is depends on them, too. */
  readonly isShared: boolean
  readonly endpoints: readonly Endpoint[]
}

const noEndpoints: readonly Endpoint[] = Object.freeze([])

/** The endpoints of all pools, kept with their live state while resources change around them. */
export class LivePools {
  readonly #byAddress = new Map<string, Owned>()
  #settled: ReadonlyMap<string, Settled> = new Map()
  #members: ReadonlyMap<string, readonly Endpoint[]> = new Map()
  #updates = 0

  /**
   * Takes the servers that there are now. An endpoint whose server stays at its address stays the same object, with its
   * metrics and its requests in flight; a pool with the same endpoints as before keeps the same array. A pool that is the same
   * object, with the same objects for its servers, is not looked into.
   */
  update(catalog: Catalog, specs: readonly EndpointSpec[]): void {
    this.#updates += 1
    const settled = new Map<string, Settled>()
    const selected = selectMembers([...catalog.pools.values()], specs)
    for (const pool of catalog.pools.values()) {
      const own = selected.get(pool.key)!
      const before = this.#settled.get(pool.key)
      settled.set(pool.key, before !== undefined && this.#keeps(before, pool, own) ? before : this.#settle(pool, own))
    }
    for (const [key, before] of this.#settled) if (settled.get(key) !== before) this.#forgetGone(before)
    this.#settled = settled
    this.#members = new Map(Array.from(settled, ([key, { endpoints }]) => [key, endpoints]))
  }

  /** In the order of their addresses; the array is replaced by an update that changes it, never altered. */
  endpointsOf(poolKey: string): readonly Endpoint[] {
    return this.#members.get(poolKey) ?? noEndpoints
  }

  /** @param address `ip:port` or `[ip]:port` */
  endpointAt(address: string): Endpoint | undefined {
    return this.#byAddress.get(address)?.endpoint
  }

  /** All pools by key, empty ones included. */
  get members(): ReadonlyMap<string, readonly Endpoint[]> {
    return this.#members
  }

  /** Endpoints of all pools, each once. */
  get size(): number {
    return this.#byAddress.size
  }

  averages(poolKey: string): PoolAverages {
    const endpoints = this.endpointsOf(poolKey)
    const known = endpoints.filter((endpoint) => endpoint.metrics.updatedAtMs !== unknownMetrics.updatedAtMs)
    const average = (field: 'queued' | 'running' | 'kvUsage') =>
      known.reduce((total, endpoint) => total + endpoint.metrics[field], 0) / Math.max(known.length, 1)
    return {
      queued: average('queued'),
      running: average('running'),
      kvUsage: average('kvUsage'),
      ready: endpoints.length,
    }
  }

  /** True when the update can make nothing else of the pool; its endpoints are claimed then. */
  #keeps(
    { pool: poolBefore, specs: specsBefore, owned, isShared }: Settled,
    pool: Pool,
    specs: readonly EndpointSpec[],
  ) {
    if (pool !== poolBefore || isShared || specs.length !== specsBefore.length) return false
    for (let i = 0; i < specs.length; i += 1) if (specs[i] !== specsBefore[i]) return false
    for (const { isReplaced, update } of owned) if (isReplaced || update === this.#updates) return false
    for (const each of owned) each.update = this.#updates
    return true
  }

  #settle(pool: Pool, specs: readonly EndpointSpec[]): Settled {
    const owned: Owned[] = []
    let isShared = false
    for (const spec of specs) {
      for (const [address, name] of placesOf(pool, spec)) {
        isShared ||= this.#byAddress.get(address)?.update === this.#updates
        owned.push(this.#claim(address, name, spec))
      }
    }
    const endpoints = settle(
      owned.map(({ endpoint }) => endpoint),
      this.endpointsOf(pool.key),
    )
    return { pool, specs, owned, isShared, endpoints }
  }

  /** The endpoint at this address; the first server that an update names for it has it. */
  #claim(address: string, name: string, spec: EndpointSpec): Owned {
    let owned = this.#byAddress.get(address)
    if (owned?.update === this.#updates) return owned
    if (owned?.serverName !== spec.name || owned.endpoint.namespace !== spec.namespace) {
      if (owned !== undefined) owned.isReplaced = true
      const endpoint = newEndpoint(address, name, spec)
      owned = { endpoint, serverName: spec.name, update: this.#updates, isReplaced: false }
      this.#byAddress.set(address, owned)
    }
    owned.update = this.#updates
    owned.endpoint.name = name
    owned.endpoint.labels = spec.labels
    return owned
  }

  #forgetGone({ owned }: Settled): void {
    for (const { endpoint, update, isReplaced } of owned) {
      if (update !== this.#updates && !isReplaced) this.#byAddress.delete(endpoint.address)
    }
  }
}

/** One at the server's own port, else one at each target port, named as the reference endpoint picker names ranks. */
function placesOf(pool: Pool, spec: EndpointSpec): (readonly [address: string, name: string])[] {
  const host = spec.address.includes(':') ? `[${spec.address}]` : spec.address
  if (spec.port !== undefined) return [[`${host}:${spec.port}`, spec.name]]
  return pool.targetPorts.flatMap((port, rank) =>
    spec.activePorts?.includes(port) === false ? [] : [[`${host}:${port}`, `${spec.name}-rank-${rank}`] as const],
  )
}

function newEndpoint(address: string, name: string, { namespace, labels }: EndpointSpec): OwnedEndpoint {
  return {
    address,
    name,
    namespace,
    labels,
    metrics: unknownMetrics,
    isReachable: true,
    inFlight: 0,
    endsUnseen: false,
    inFlightTokens: 0,
  }
}

/** Brings new members into order, each once; gives the array from before where nothing changed. */
function settle(endpoints: Endpoint[], before: readonly Endpoint[]): readonly Endpoint[] {
  const settled = endpoints
    .sort((a, b) => (a.address < b.address ? -1 : Number(a.address > b.address)))
    .filter((endpoint, i, sorted) => endpoint !== sorted[i - 1])
  const same = settled.length === before.length && settled.every((endpoint, i) => endpoint === before[i])
  return same ? before : Object.freeze(settled)
}

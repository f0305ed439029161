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
}

const noEndpoints: readonly Endpoint[] = Object.freeze([])

/** The endpoints of all pools, kept with their live state while resources change around them. */
export class LivePools {
  readonly #byAddress = new Map<string, Owned>()
  #members: ReadonlyMap<string, readonly Endpoint[]> = new Map()
  #updates = 0

  /**
   * Takes the servers that there are now. An endpoint whose server stays at its address stays the same object, with its
   * metrics and its requests in flight; a pool with the same endpoints as before keeps the same array.
   */
  update(catalog: Catalog, specs: readonly EndpointSpec[]): void {
    this.#updates += 1
    const members = new Map<string, readonly Endpoint[]>()
    const selected = selectMembers([...catalog.pools.values()], specs)
    for (const pool of catalog.pools.values()) {
      const endpoints = selected.get(pool.key)!.flatMap((spec) => this.#endpointsFor(pool, spec))
      members.set(pool.key, settle(endpoints, this.endpointsOf(pool.key)))
    }
    this.#members = members
    for (const [address, { update }] of this.#byAddress) {
      if (update !== this.#updates) this.#byAddress.delete(address)
    }
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

  /** One at the server's own port, else one at each target port, named as the reference endpoint picker names ranks. */
  #endpointsFor(pool: Pool, spec: EndpointSpec): Endpoint | Endpoint[] {
    const host = spec.address.includes(':') ? `[${spec.address}]` : spec.address
    if (spec.port !== undefined) return this.#claim(`${host}:${spec.port}`, spec.name, spec)
    return pool.targetPorts.flatMap((port, rank) =>
      spec.activePorts?.includes(port) === false
        ? []
        : [this.#claim(`${host}:${port}`, `${spec.name}-rank-${rank}`, spec)],
    )
  }

  /** The endpoint at this address; the first server that an update names for it has it. */
  #claim(address: string, name: string, spec: EndpointSpec): Endpoint {
    let owned = this.#byAddress.get(address)
    if (owned?.update === this.#updates) return owned.endpoint
    if (owned?.serverName !== spec.name || owned.endpoint.namespace !== spec.namespace) {
      owned = { endpoint: newEndpoint(address, name, spec), serverName: spec.name, update: this.#updates }
      this.#byAddress.set(address, owned)
    }
    owned.update = this.#updates
    owned.endpoint.name = name
    owned.endpoint.labels = spec.labels
    return owned.endpoint
  }
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

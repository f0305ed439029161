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

/** An endpoint with the server that it belongs to: another server at the same address is another endpoint. */
type Owned = { readonly endpoint: OwnedEndpoint; readonly serverName: string }

const noEndpoints: readonly Endpoint[] = Object.freeze([])

/** The endpoints of all pools, kept with their live state while resources change around them. */
export class LivePools {
  #byAddress: ReadonlyMap<string, Owned> = new Map()
  #members: ReadonlyMap<string, readonly Endpoint[]> = new Map()

  /**
   * Takes the servers that there are now. An endpoint whose server stays at its address stays the same object, with its
   * metrics and its requests in flight; a pool with the same endpoints as before keeps the same array.
   */
  update(catalog: Catalog, specs: readonly EndpointSpec[]): void {
    const byAddress = new Map<string, Owned>()
    const members = new Map<string, readonly Endpoint[]>()
    const selected = selectMembers([...catalog.pools.values()], specs)
    for (const pool of catalog.pools.values()) {
      const endpoints = new Set<Endpoint>()
      for (const spec of selected.get(pool.key)!) {
        for (const { port, name } of ports(pool, spec)) {
          endpoints.add(this.#claim(byAddress, `${host(spec)}:${port}`, name, spec))
        }
      }
      members.set(pool.key, settle([...endpoints].sort(byAddressText), this.endpointsOf(pool.key)))
    }
    this.#byAddress = byAddress
    this.#members = members
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

  /** The endpoint at an address in the making of an update: the first server that is named for an address has it. */
  #claim(byAddress: Map<string, Owned>, address: string, name: string, spec: EndpointSpec): Endpoint {
    const claimed = byAddress.get(address)
    if (claimed !== undefined) return claimed.endpoint
    const before = this.#byAddress.get(address)
    const stays = before?.serverName === spec.name && before.endpoint.namespace === spec.namespace
    const owned = stays ? before : { endpoint: newEndpoint(address, name, spec), serverName: spec.name }
    owned.endpoint.name = name
    owned.endpoint.labels = spec.labels
    byAddress.set(address, owned)
    return owned.endpoint
  }
}

function newEndpoint(address: string, name: string, { namespace, labels }: EndpointSpec): OwnedEndpoint {
  return { address, name, namespace, labels, metrics: unknownMetrics, inFlight: 0 }
}

/** A server's own port, or the pool's target ports, named as ranks as the reference endpoint picker names them. */
function ports(pool: Pool, spec: EndpointSpec): { port: number; name: string }[] {
  if (spec.port !== undefined) return [{ port: spec.port, name: spec.name }]
  return pool.targetPorts.map((port, rank) => ({ port, name: `${spec.name}-rank-${rank}` }))
}

function host({ address }: EndpointSpec): string {
  return address.includes(':') ? `[${address}]` : address
}

function byAddressText(a: Endpoint, b: Endpoint): number {
  return a.address < b.address ? -1 : 1
}

function settle(endpoints: readonly Endpoint[], before: readonly Endpoint[]): readonly Endpoint[] {
  const same = endpoints.length === before.length && endpoints.every((endpoint, i) => endpoint === before[i])
  return same ? before : Object.freeze(endpoints)
}

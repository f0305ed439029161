import type { Endpoint } from '../pool/endpoint.ts'
import type { LivePools } from '../pool/live-pools.ts'
import type { Load, LoadOf } from './messages.ts'

export const noLoad: Load = { requests: 0, tokens: 0, endsUnseen: false }

/**
 * What one worker has in flight, beside what the others have: {@link Endpoint.inFlight} and its kin count both, so that whoever
 * decides by them sees the load of the whole service.
 */
export class WorkerLoad {
  readonly #pools: LivePools
  /** What of an endpoint's figures is the others'. */
  readonly #others = new WeakMap<Endpoint, Load>()
  /** As it was told last; what is not in it was never told, or is none. */
  readonly #told = new Map<Endpoint, Load>()
  /** Pools in which something is in flight, or was when they were looked at last. */
  readonly #busy = new Set<string>()

  constructor(pools: LivePools) {
    this.#pools = pools
  }

  /** Something may be sent to the pool's endpoints, or have ended there. */
  changed(poolKey: string): void {
    this.#busy.add(poolKey)
  }

  /** Something is in flight, or has not been told: it is to be looked at again. */
  get isBusy(): boolean {
    return this.#busy.size > 0
  }

  /** What has changed since the last time. */
  changes(): LoadOf[] {
    const changes: LoadOf[] = []
    for (const poolKey of this.#busy) {
      let isIdle = true
      for (const endpoint of this.#pools.endpointsOf(poolKey)) {
        const load = this.#ownOf(endpoint)
        if (load.requests !== 0 || load.tokens !== 0) isIdle = false
        if (areEqual(load, this.#told.get(endpoint) ?? noLoad)) continue
        this.#told.set(endpoint, load)
        changes.push([endpoint.address, load])
      }
      // A proxy that falls back to another endpoint says so while the request is in flight.
      if (isIdle) this.#busy.delete(poolKey)
    }
    return changes
  }

  /** All that is in flight, after the pools have changed: the next {@link changes} go from here. */
  whole(): LoadOf[] {
    this.#told.clear()
    for (const poolKey of this.#pools.members.keys()) this.#busy.add(poolKey)
    return this.changes()
  }

  /** What the others have in flight to an endpoint now. An address that is not known is passed over. */
  take([address, load]: LoadOf): void {
    const endpoint = this.#pools.endpointAt(address)
    if (endpoint === undefined) return
    const before = this.#others.get(endpoint) ?? noLoad
    this.#others.set(endpoint, load)
    const isIdleHere = endpoint.inFlight === before.requests
    endpoint.inFlight += load.requests - before.requests
    endpoint.inFlightTokens += load.tokens - before.tokens
    // Who has requests there knows for itself.
    if (isIdleHere && load.requests > 0) endpoint.endsUnseen = load.endsUnseen
  }

  #ownOf(endpoint: Endpoint): Load {
    const others = this.#others.get(endpoint) ?? noLoad
    const requests = endpoint.inFlight - others.requests
    const tokens = endpoint.inFlightTokens - others.tokens
    return { requests, tokens, endsUnseen: requests > 0 && endpoint.endsUnseen }
  }
}

function areEqual(a: Load, b: Load): boolean {
  return a.requests === b.requests && a.tokens === b.tokens && a.endsUnseen === b.endsUnseen
}

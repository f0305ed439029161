import type { Load, LoadOf } from './messages.ts'
import { noLoad } from './worker-load.ts'

/** What each worker has in flight, for the others to know. */
export class LoadTotals<Worker> {
  readonly #byWorker = new Map<Worker, Map<string, Load>>()

  /**
   * Takes what a worker reports; with `isWhole` that is all that it has.
   * @returns the addresses at which its load is another than before
   */
  report(worker: Worker, loads: readonly LoadOf[], isWhole: boolean): Set<string> {
    const before = this.#byWorker.get(worker) ?? new Map<string, Load>()
    const now = isWhole ? new Map<string, Load>() : before
    const changed = new Set<string>()
    for (const [address, load] of loads) {
      changed.add(address)
      if (load.requests === 0 && load.tokens === 0) now.delete(address)
      else now.set(address, load)
    }
    if (isWhole) for (const address of before.keys()) changed.add(address)
    this.#byWorker.set(worker, now)
    return changed
  }

  /** A worker has ended, and what it had in flight with it. @returns the addresses at which it had something */
  forget(worker: Worker): Set<string> {
    const before = this.#byWorker.get(worker)
    this.#byWorker.delete(worker)
    return new Set(before?.keys())
  }

  /** What all have in flight at an address. */
  at(address: string): Load {
    return this.othersAt(address, undefined)
  }

  /** What all but `worker` have in flight at an address. */
  othersAt(address: string, worker: Worker | undefined): Load {
    let { requests, tokens, endsUnseen } = noLoad
    for (const [other, loads] of this.#byWorker) {
      const load = other === worker ? undefined : loads.get(address)
      if (load === undefined) continue
      requests += load.requests
      tokens += load.tokens
      endsUnseen ||= load.endsUnseen
    }
    return { requests, tokens, endsUnseen }
  }

  /** Addresses at which any worker has something in flight. */
  get addresses(): Set<string> {
    return new Set([...this.#byWorker.values()].flatMap((loads) => [...loads.keys()]))
  }
}

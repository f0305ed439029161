import type { Flow } from '../flow.ts'
import type { Fairness } from './fairness.ts'

/** Flows take turns of one request. A flow that comes, or comes back, stands behind all others. */
export class RoundRobin implements Fairness {
  #first: Flow | undefined = undefined
  #last: Flow | undefined = undefined

  joined(flow: Flow): void {
    flow.previous = this.#last
    if (this.#last === undefined) this.#first = flow
    else this.#last.next = flow
    this.#last = flow
  }

  headChanged(): void {}

  served(flow: Flow): void {
    this.left(flow)
    this.joined(flow)
  }

  left(flow: Flow): void {
    if (flow.previous === undefined) this.#first = flow.next
    else flow.previous.next = flow.next
    if (flow.next === undefined) this.#last = flow.previous
    else flow.next.previous = flow.previous
    flow.next = undefined
    flow.previous = undefined
  }

  next(): Flow {
    return this.#first as Flow
  }
}

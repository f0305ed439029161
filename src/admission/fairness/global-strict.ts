import { type Flow, goesBefore } from '../flow.ts'
import { Heap, type HeapOrder } from '../heap.ts'
import type { Fairness } from './fairness.ts'

const byHead: HeapOrder<Flow> = {
  before: (a, b) => goesBefore(a.head, b.head),
  indexOf: (flow) => flow.index,
  setIndex(flow, index) {
    flow.index = index
  },
}

/** The band is served as if it were one queue. */
export class GlobalStrict implements Fairness {
  readonly #flows = new Heap(byHead)

  joined(flow: Flow): void {
    this.#flows.add(flow)
  }

  headChanged(flow: Flow): void {
    this.#flows.moved(flow)
  }

  served(flow: Flow): void {
    this.#flows.moved(flow)
  }

  left(flow: Flow): void {
    this.#flows.remove(flow)
  }

  next(): Flow {
    return this.#flows.top as Flow
  }
}

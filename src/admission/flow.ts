import type { Band } from './band.ts'
import type { FlowItem } from './flow-item.ts'
import { Heap, type HeapOrder } from './heap.ts'

const inOrder: HeapOrder<FlowItem> = {
  before: goesBefore,
  indexOf: (item) => item.queueIndex,
  setIndex(item, index) {
    item.queueIndex = index
  },
}

/** What waits of one fairness id in one band; it is there only while something does. */
export class Flow {
  readonly band: Band
  readonly fairnessId: string
  bytes = 0
  /** The fairness policy's: its place in the turn. */
  index = -1
  /** What it has attained, as the fairness policy found at its last choice. */
  service = 0
  next: Flow | undefined = undefined
  previous: Flow | undefined = undefined
  readonly #queue = new Heap(inOrder)

  constructor(band: Band, fairnessId: string) {
    this.band = band
    this.fairnessId = fairnessId
  }

  get priority(): number {
    return this.band.priority
  }

  get requests(): number {
    return this.#queue.size
  }

  /** The request to serve next. Only of a flow in which something waits, as all are that a band knows. */
  get head(): FlowItem {
    return this.#queue.top as FlowItem
  }

  add(item: FlowItem): void {
    item.flow = this
    this.bytes += item.bytes
    this.#queue.add(item)
  }

  remove(item: FlowItem): void {
    item.flow = undefined
    this.bytes -= item.bytes
    this.#queue.remove(item)
  }
}

/** Whether `a` is served before `b`, of the same band. */
export function goesBefore(a: FlowItem, b: FlowItem): boolean {
  return a.orderKey < b.orderKey || (a.orderKey === b.orderKey && a.sequence < b.sequence)
}

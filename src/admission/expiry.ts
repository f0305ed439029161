import type { Clock } from '../clock.ts'
import type { FlowItem } from './flow-item.ts'
import { Heap, type HeapOrder } from './heap.ts'

/** Node's timers take no longer ones: they would fire at once. */
const maxDelayMs = 2 ** 31 - 1

const byExpiry: HeapOrder<FlowItem> = {
  before: (a, b) => a.expiresAtMs < b.expiresAtMs || (a.expiresAtMs === b.expiresAtMs && a.sequence < b.sequence),
  indexOf: (item) => item.expiryIndex,
  setIndex(item, index) {
    item.expiryIndex = index
  },
}

/** Tells when waits have to end, with one timer for all of them. */
export class Expiry {
  readonly #clock: Clock
  readonly #onDue: (item: FlowItem) => void
  readonly #items = new Heap(byExpiry)
  #stopTimer: (() => void) | undefined = undefined
  #timerAtMs = Number.POSITIVE_INFINITY

  /** @param onDue gets each item whose `expiresAtMs` has come, after it was taken out */
  constructor(clock: Clock, onDue: (item: FlowItem) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  add(item: FlowItem): void {
    if (item.expiresAtMs === Number.POSITIVE_INFINITY) return
    this.#items.add(item)
    this.#setTimer()
  }

  /** Also of an item that is not there. */
  remove(item: FlowItem): void {
    if (item.expiryIndex === -1) return
    this.#items.remove(item)
    // Otherwise the timer stays: setting it anew for each request that is served costs more than one that finds nothing due.
    if (this.#items.size === 0) this.#clearTimer()
  }

  #setTimer(): void {
    const atMs = (this.#items.top as FlowItem).expiresAtMs
    if (this.#timerAtMs <= atMs) return
    this.#clearTimer()
    this.#timerAtMs = atMs
    const delayMs = Math.min(Math.max(0, Math.ceil(atMs - this.#clock.nowMs())), maxDelayMs)
    this.#stopTimer = this.#clock.after(delayMs, () => this.#sweep())
  }

  #clearTimer(): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    this.#timerAtMs = Number.POSITIVE_INFINITY
  }

  #sweep(): void {
    this.#clearTimer()
    const nowMs = this.#clock.nowMs()
    try {
      for (let item = this.#items.top; item !== undefined && item.expiresAtMs <= nowMs; item = this.#items.top) {
        this.#items.remove(item)
        this.#onDue(item)
      }
    } finally {
      if (this.#items.size > 0) this.#setTimer()
    }
  }
}

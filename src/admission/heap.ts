/** How a heap sorts its entries, and where an entry keeps its place in it. */
export type HeapOrder<T> = {
  before(a: T, b: T): boolean
  indexOf(entry: T): number
  /** -1 when it leaves the heap. */
  setIndex(entry: T, index: number): void
}

/** A binary heap whose entries know their place, so that any of them can leave it in O(log n). */
export class Heap<T> {
  readonly #order: HeapOrder<T>
  readonly #entries: T[] = []

  constructor(order: HeapOrder<T>) {
    this.#order = order
  }

  get size(): number {
    return this.#entries.length
  }

  /** The first entry. */
  get top(): T | undefined {
    return this.#entries[0]
  }

  add(entry: T): void {
    this.#entries.push(entry)
    this.#rise(entry, this.#entries.length - 1)
  }

  remove(entry: T): void {
    const index = this.#order.indexOf(entry)
    const last = this.#entries.pop() as T
    if (last !== entry) this.#settle(last, index)
    this.#order.setIndex(entry, -1)
  }

  /** Finds the place of an entry anew, after what it is sorted by has changed. */
  moved(entry: T): void {
    this.#settle(entry, this.#order.indexOf(entry))
  }

  #settle(entry: T, index: number): void {
    if (index > 0 && this.#order.before(entry, this.#entries[(index - 1) >> 1])) this.#rise(entry, index)
    else this.#sink(entry, index)
  }

  #rise(entry: T, from: number): void {
    let index = from
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#order.before(entry, this.#entries[parent])) break
      this.#put(this.#entries[parent], index)
      index = parent
    }
    this.#put(entry, index)
  }

  #sink(entry: T, from: number): void {
    const size = this.#entries.length
    let index = from
    for (;;) {
      let child = 2 * index + 1
      if (child >= size) break
      if (child + 1 < size && this.#order.before(this.#entries[child + 1], this.#entries[child])) child += 1
      if (!this.#order.before(this.#entries[child], entry)) break
      this.#put(this.#entries[child], index)
      index = child
    }
    this.#put(entry, index)
  }

  #put(entry: T, index: number): void {
    this.#entries[index] = entry
    this.#order.setIndex(entry, index)
  }
}

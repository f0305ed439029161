/**
 * One histogram among several that share an array of cells: its sum, then the count of each bucket, the last of which is
 * +Inf. An observation is a search in the bounds and two additions: a tenth of what it costs to find a series by its labels.
 */
export class Histogram {
  /** Index of the sum in the cells. */
  readonly at: number
  readonly bounds: Float64Array
  /** `le` of each bucket. */
  readonly limits: readonly string[]

  constructor(at: number, bounds: readonly number[]) {
    this.at = at
    this.bounds = Float64Array.from(bounds)
    this.limits = [...bounds.map(String), '+Inf']
  }

  /** Cells that it takes. */
  get size(): number {
    return this.bounds.length + 2
  }

  /** Counts `value` as often as `times` says. What is no number is no observation. */
  observe(cells: Float64Array, value: number, times = 1): void {
    if (Number.isNaN(value)) return
    const { at, bounds } = this
    let first = 0
    let beyond = bounds.length
    while (first < beyond) {
      const middle = (first + beyond) >> 1
      if (value <= bounds[middle]) beyond = middle
      else first = middle + 1
    }
    cells[at] += value * times
    cells[at + 1 + first] += times
  }

  count(cells: Float64Array): number {
    const end = this.at + this.size
    let count = 0
    for (let i = this.at + 1; i < end; i += 1) count += cells[i]
    return count
  }

  /** Adds what `from` has of this histogram to `to`. */
  add(to: Float64Array, from: Float64Array): void {
    const end = this.at + this.size
    for (let i = this.at; i < end; i += 1) to[i] += from[i]
  }
}

/** Histograms that share cells, by name. */
export type HistogramSet<Name extends string> = Readonly<Record<Name, Histogram>> & {
  /** Cells that they take together. */
  readonly size: number
}

export function histogramSet<Name extends string>(bounds: Record<Name, readonly number[]>): HistogramSet<Name> {
  let size = 0
  const set: Record<string, Histogram | number> = {}
  for (const [name, its] of Object.entries<readonly number[]>(bounds)) {
    const histogram = new Histogram(size, its)
    set[name] = histogram
    size += histogram.size
  }
  set.size = size
  return set as HistogramSet<Name>
}

import type { Registry } from 'prom-client'
import { type Family, numberText } from './family.ts'

/**
 * What becomes of the values that several processes have for one series: their sum, the largest, or that of the first process
 * that has one.
 */
export type Merge = 'sum' | 'max' | 'first'

type FamilyValues = {
  /** HELP and TYPE. */
  head: string
  /** By what stands before the value: name and labels. */
  readonly values: Map<string, number>
}

/** The values of one process's metrics page. */
export class PageValues {
  readonly families = new Map<string, FamilyValues>()
  /** The family that the last HELP began. */
  #family: FamilyValues = { head: '', values: new Map() }

  /** @param text whole lines, the next of the page */
  read(text: string): void {
    for (const line of text.split('\n')) {
      if (line.startsWith('# HELP ')) {
        this.#family = { head: `${line}\n`, values: new Map() }
        this.families.set(line.slice(7, line.indexOf(' ', 7)), this.#family)
      } else if (line.startsWith('#')) this.#family.head += `${line}\n`
      else if (line !== '') {
        const end = line.lastIndexOf(' ')
        this.#family.values.set(line.slice(0, end), numberOf(line.slice(end + 1)))
      }
    }
  }

  /** Adds the counters and histograms of another page. */
  addCounts({ families }: PageValues, mergeOf: (family: string) => Merge): void {
    for (const [name, { head, values }] of families) {
      if (mergeOf(name) !== 'sum' || !isCount(head)) continue
      const own = this.families.get(name)
      if (own === undefined) this.families.set(name, { head, values: new Map(values) })
      else for (const [series, value] of values) own.values.set(series, (own.values.get(series) ?? 0) + value)
    }
  }
}

const isCount = (head: string): boolean => / (counter|histogram)\n/.test(head)

/** One page of all, a family at a time. The families come in the order of the first page; `wanted` are those alone that are. */
export function* mergedPages(
  pages: readonly PageValues[],
  mergeOf: (family: string) => Merge,
  wanted?: ReadonlySet<string>,
): Generator<string> {
  const names = new Set(pages.flatMap((page) => [...page.families.keys()]))
  for (const name of names) {
    if (wanted?.has(name) === false) continue
    const merge = mergeOf(name)
    const found = pages.flatMap((page) => page.families.get(name) ?? [])
    const merged = new Map(found[0].values)
    for (const { values } of found.slice(1)) {
      for (const [series, value] of values) {
        const before = merged.get(series)
        merged.set(series, before === undefined ? value : combine(merge, before, value))
      }
    }
    let text = found[0].head
    for (const [series, value] of merged) text += `${series} ${numberText(value)}\n`
    yield text
  }
}

function combine(merge: Merge, a: number, b: number): number {
  switch (merge) {
    case 'sum':
      return a + b
    case 'max':
      return Math.max(a, b)
    case 'first':
      return a
  }
}

/** How each family of a page merges. */
export function mergesOf(families: readonly Family[], registry: Registry): (family: string) => Merge {
  const merges = new Map<string, Merge>(families.map(({ name, isShared }) => [name, isShared ? 'first' : 'sum']))
  for (const metric of registry.getMetricsAsArray() as unknown as { name: string; aggregator: string }[]) {
    merges.set(metric.name, libraryMerges[metric.aggregator] ?? 'sum')
  }
  return (family) => merges.get(family) ?? 'sum'
}

/** prom-client's aggregators. A mean over processes hides the one that is late, and some of them do nothing. */
const libraryMerges: Readonly<Record<string, Merge>> = {
  average: 'max',
  min: 'max',
  max: 'max',
  first: 'first',
  omit: 'first',
}

function numberOf(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  return text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text)
}

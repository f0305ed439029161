import type { PageValues } from '../telemetry/page-sum.ts'

/** Labels of a series by name. */
export type LabelValues = Readonly<Record<string, string>>

/** The series of a family in a page of metrics. For the buckets of a histogram, too: `le` is among their labels. */
export function* seriesOf(
  page: PageValues,
  family: string,
  suffix = '',
): Generator<readonly [labels: LabelValues, value: number]> {
  const values = page.families.get(family)?.values
  if (values === undefined) return
  const name = family + suffix
  for (const [series, value] of values) {
    if (series === name) yield [{}, value]
    else if (series.startsWith(`${name}{`)) yield [readLabels(series), value]
  }
}

/** All series of a family together. */
export function sumOf(page: PageValues, family: string, suffix = ''): number {
  let sum = 0
  for (const [, value] of seriesOf(page, family, suffix)) sum += value
  return sum
}

function readLabels(series: string): LabelValues {
  const labels: Record<string, string> = {}
  for (const [, name, value] of series.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name] = value.includes('\\') ? value.replace(/\\(.)/g, unescaped) : value
  }
  return labels
}

const unescaped = (_: string, character: string): string => (character === 'n' ? '\n' : character)

/** What was observed of a histogram without labels: the bounds, rising, and how often each was not exceeded. */
export type Buckets = readonly (readonly [bound: number, count: number])[]

export function bucketsOf(page: PageValues, family: string): Buckets {
  return Array.from(seriesOf(page, family, '_bucket'), ([{ le }, count]) => [
    le === '+Inf' ? Infinity : Number(le),
    count,
  ])
}

/**
 * A quantile of what was observed between two readings, as Prometheus estimates it: linear within a bucket.
 * @returns undefined when nothing was
 */
export function quantileBetween(before: Buckets, now: Buckets, quantile: number): number | undefined {
  const counts = now.map(([, count], i) => Math.max(0, count - (before[i]?.[1] ?? 0)))
  const total = counts.at(-1) ?? 0
  if (total === 0) return undefined
  const rank = quantile * total
  const i = counts.findIndex((count) => count >= rank)
  const [bound] = now[i]
  const lowerBound = i === 0 ? 0 : now[i - 1][0]
  // Nothing is known of what is above the last bound.
  if (bound === Infinity) return lowerBound
  const below = i === 0 ? 0 : counts[i - 1]
  return lowerBound + ((bound - lowerBound) * (rank - below)) / (counts[i] - below)
}

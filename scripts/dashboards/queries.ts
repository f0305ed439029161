import type { Query, Variable } from './dashboard.ts'

/** Which releases of Signalbox, by the job that Prometheus scrapes their replicas as. */
export const jobVariable: Variable = {
  name: 'job',
  label: 'Release',
  query: 'label_values(signalbox_open_exchanges, job)',
}

/** What a counter grows a second. @param matchers further ones than the release's */
export function rate(metric: string, ...matchers: readonly string[]): string {
  return `rate(${metric}{${['job=~"$job"', ...matchers].join(', ')}}[$__rate_interval])`
}

/** A quantile of a histogram, by `labels`. */
export function quantile(
  share: number,
  labels: readonly string[],
  metric: string,
  ...matchers: readonly string[]
): string {
  const by = [...labels, 'le'].join(', ')
  return `histogram_quantile(${share}, sum by (${by}) (${rate(`${metric}_bucket`, ...matchers)}))`
}

/** The same with the legends `p50 …`, `p90 …`. */
export function quantiles(
  shares: readonly number[],
  labels: readonly string[],
  metric: string,
  ...matchers: readonly string[]
): Query[] {
  const of = labels.map((label) => ` {{${label}}}`).join('')
  return shares.map((share) => ({
    expr: quantile(share, labels, metric, ...matchers),
    legend: `p${share * 100}${of}`,
  }))
}

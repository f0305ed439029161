import type { Row } from './traffic.ts'

const columns = [
  { title: 'model', align: 'left' },
  { title: 'target', align: 'left' },
  { title: 'endpoint', align: 'left' },
  { title: 'requests', align: 'right' },
  { title: 'share', align: 'right' },
  { title: 'p50 ms', align: 'right' },
  { title: 'p99 ms', align: 'right' },
  { title: 'errors', align: 'right' },
] as const

/** The rows as lines of text; the share is that of the model's requests. The model stands only in its first row. */
export function tableLines(rows: readonly Row[]): string[] {
  const ofModel = new Map<string, number>()
  for (const { model, requests } of rows) ofModel.set(model, (ofModel.get(model) ?? 0) + requests)
  const cells = rows.map((row, index) => [
    rows[index - 1]?.model === row.model ? '' : row.model,
    row.target || '-',
    row.endpoint || '-',
    String(row.requests),
    `${((100 * row.requests) / ofModel.get(row.model)!).toFixed(1)} %`,
    percentile(row.timesMs, 0.5).toFixed(0),
    percentile(row.timesMs, 0.99).toFixed(0),
    String(row.errors),
  ])
  const titles = columns.map(({ title }) => title)
  const widths = titles.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column].length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        columns[column].align === 'left' ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
      )
      .join('  ')
      .trimEnd()
  return [line(titles), ...cells.map(line)]
}

/** The smallest value that at least `share` of the values do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
}

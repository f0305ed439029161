import type { ExplainedEndpoint, ExplainedProfile, Explanation } from './explanation.ts'
import { short } from './summary.ts'
import { oneLine } from './wrap.ts'

/** Rows that are shown to people; JSON has all. */
const maxRows = 20
/** Letters of a word in the head of a table. */
const maxHeadWord = 11
const gap = '  '

/** The endpoints as they are, then for each profile what its scorers gave them. */
export function endpointTables(
  { endpoints, endpointCount, profiles, outcome }: Explanation,
  width: number,
): string[][] {
  if (endpoints.length === 0) return []
  const more = endpointCount - Math.min(endpoints.length, maxRows)
  const shown = endpoints.slice(0, maxRows)
  const state = [...stateTable(shown), ...(more > 0 ? [`… and ${more} more`] : [])]
  const isTried = outcome !== 'refused' || profiles.length > 0
  return [state, ...(isTried ? profiles.flatMap((profile) => scoreTables(profile, shown, profiles.length, width)) : [])]
}

function stateTable(endpoints: readonly ExplainedEndpoint[]): string[] {
  const rows = endpoints.map(({ name, address, inFlight, metrics, isReachable }) => [
    name,
    address,
    String(inFlight),
    ...(metrics === undefined
      ? ['-', '-', '-', '-']
      : [
          String(metrics.queued),
          String(metrics.running),
          `${Math.round(100 * metrics.kvUsage)}`,
          ageText(metrics.ageMs),
        ]),
    noteOf(metrics, isReachable),
  ])
  const head = [['ENDPOINT', 'ADDRESS', 'IN FLIGHT', 'QUEUE', 'RUN', 'KV %', 'AGE', 'ADAPTERS']]
  return aligned(head, rows, 2, 7)
}

function noteOf(metrics: ExplainedEndpoint['metrics'], isReachable: boolean): string {
  if (!isReachable) return 'refuses connections'
  if (metrics === undefined) return 'not scraped'
  return metrics.adapters.length === 0 ? '-' : metrics.adapters.join(', ')
}

const ageText = (ms: number): string => (ms < 10_000 ? `${Math.round(ms)}ms` : `${Math.round(ms / 1000)}s`)

/** A column for each scorer; as many tables as they need to fit. */
function scoreTables(
  profile: ExplainedProfile,
  endpoints: readonly ExplainedEndpoint[],
  count: number,
  width: number,
): string[][] {
  const { scored, scorers, totals, filters, picked, picker, name } = profile
  const nameOf = new Map(endpoints.map((endpoint) => [endpoint.address, endpoint.name]))
  const removals = filters.filter(({ removed }) => removed.length > 0)
  const order = [...scored.keys()]
    .filter((i) => nameOf.has(scored[i]))
    .sort((a, b) => rankOf(picked, scored[a]) - rankOf(picked, scored[b]) || totals[b] - totals[a])
  const columns = scorers.map(({ plugin, weight, scores }) => ({
    head: [...headOf(plugin), `×${short(weight)}`],
    cells: order.map((i) => scores[i].toFixed(2)),
  }))
  const total = { head: ['total'], cells: order.map((i) => totals[i].toFixed(2)) }
  const isRanked = picked.length > 0
  const names = order.map((i) => {
    const rank = picked.indexOf(scored[i]) + 1
    const mark = rank > 0 ? `${rank}. ` : '   '
    return `${isRanked ? mark : ''}${nameOf.get(scored[i])!}`
  })
  const title = count > 1 ? `profile ${name}: ` : ''
  const lines = removals.map(
    ({ plugin, removed }) =>
      `${title}${plugin} removes ${removed.map((address) => nameOf.get(address) ?? address).join(', ')}`,
  )
  if (order.length === 0)
    return [lines.length === 0 ? [`${title}no endpoint is left`] : [...lines, `${title}no endpoint is left`]]
  const groups = fitting(columns, total, names, width)
  const [first, ...others] = groups.map((group) => columnsTable(names, group))
  const opening = [...lines, `${title}scores, 0 to 1, times their weights; picked by ${picker}`]
  return [[...opening, ...first], ...others]
}

type Column = { readonly head: readonly string[]; readonly cells: readonly string[] }

const rankOf = (picked: readonly string[], address: string): number =>
  picked.includes(address) ? picked.indexOf(address) : picked.length

/** `kv-cache-utilization-scorer` → kv-cache, utilization. */
function headOf(plugin: string): string[] {
  const lines: string[] = []
  for (const word of plugin.replace(/-scorer$/, '').split('-')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= maxHeadWord) lines[lines.length - 1] = `${last}-${word}`
    else lines.push(word)
  }
  return lines
}

/** Cuts the columns into groups of which each fits beside the names; the last one goes with the last group. */
function fitting(columns: readonly Column[], last: Column, names: readonly string[], width: number): Column[][] {
  const groups: Column[][] = [[]]
  const nameWidth = Math.max(8, ...names.map(({ length }) => length))
  const widthOf = (group: readonly Column[]) =>
    group.reduce((sum, each) => sum + gap.length + columnWidth(each), nameWidth)
  for (const column of columns) {
    const group = groups.at(-1)!
    if (group.length > 0 && widthOf([...group, column]) > width) groups.push([column])
    else group.push(column)
  }
  const group = groups.at(-1)!
  if (group.length > 0 && widthOf([...group, last]) > width) groups.push([last])
  else group.push(last)
  return groups
}

const columnWidth = ({ head, cells }: Column): number => Math.max(...[...head, ...cells].map(({ length }) => length))

function columnsTable(names: readonly string[], columns: readonly Column[]): string[] {
  const height = Math.max(...columns.map(({ head }) => head.length))
  const head = Array.from({ length: height }, (_, line) => [
    line === height - 1 ? 'ENDPOINT' : '',
    ...columns.map((column) => column.head[line - height + column.head.length] ?? ''),
  ])
  const rows = names.map((name, row) => [name, ...columns.map(({ cells }) => cells[row])])
  return aligned(head, rows, 1, Number.POSITIVE_INFINITY)
}

/** Columns from `right` to before `left` are numbers. */
function aligned(
  head: readonly (readonly string[])[],
  rows: readonly (readonly string[])[],
  right: number,
  left: number,
): string[] {
  const all = [...head, ...rows].map((row) => row.map(oneLine))
  const widths = all[0].map((_, at) => Math.max(...all.map((row) => row[at].length)))
  return all.map((row) =>
    row
      .map((cell, at) => (at >= right && at < left ? cell.padStart(widths[at]) : cell.padEnd(widths[at])))
      .join(gap)
      .trimEnd(),
  )
}

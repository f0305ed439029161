import type { ScenarioFeed } from '../scenario-feed.ts'
import { valueText } from '../scenarios/value-text.ts'
import { plot, roundTop } from './plot.ts'
import { figureLines, type Paint, wrap } from './text.ts'

export type FrameSize = { readonly columns: number; readonly rows: number }

/** What a plot needs at the least; on anything smaller, plain lines say more. */
export const smallestFrame: FrameSize = { columns: 60, rows: 18 }

const axisWidth = 8
const labelWidth = 22
const maxPlotRows = 16
/** With fewer the plot takes the place of the explanation. */
const leastPlotRows = 6

/** A scenario as it stands, as lines for a terminal: no longer than its columns, no more than its rows. */
export function frame(feed: ScenarioFeed, { columns, rows }: FrameSize, paint: Paint, status: string): string[] {
  const title = paint.strong(feed.title)
  const foot = [...eventLines(feed, columns), '', ...figureLines(feed, paint), paint.faint(cut(status, columns))]
  const heightBelow = (head: readonly string[]) => rows - head.length - foot.length - 3
  const explained = [title, ...wrap(feed.says, columns), '']
  const head = heightBelow(explained) < leastPlotRows ? [title] : explained
  return [...head, ...plotLines(feed, columns, Math.min(maxPlotRows, heightBelow(head)), paint), ...foot]
}

/** The first series with its axes: three lines more than `height`. */
export function plotLines(
  { series, sides, timesS, lengthS }: ScenarioFeed,
  columns: number,
  height: number,
  paint: Paint,
) {
  const [{ name, unit, points }] = series
  const width = columns - axisWidth - 1 - labelWidth
  let max = 0
  for (const side of points) for (const value of side) if (value !== null && value > max) max = value
  const top = roundTop(max)
  const lines = points.map((side, index) => ({ points: side, isDotted: index > 0 }))
  const cells = plot({ width, height, times: timesS, lastTime: lengthS, top, lines })
  const labels = lineLabels(points, height, top)
  const drawn = cells.map((row, y) => {
    const value = y === 0 ? top : y === height - 1 ? 0 : 2 * y === height - 1 || 2 * y === height ? top / 2 : undefined
    const axis = value === undefined ? '│' : '┤'
    const tick = (value === undefined ? '' : valueText(value, unit)).padStart(axisWidth - 1)
    const inside = row.map(({ text, line }) => (line === undefined ? text : paint.side(line, text))).join('')
    const label = labels[y]
    const named =
      label && paint.side(label.side, cut(`${sides[label.side]} ${valueText(label.value, unit)}`, labelWidth - 2))
    return `${tick} ${axis}${inside}${named ? `  ${named}` : ''}`.trimEnd()
  })
  const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const text = `${Math.round(share * lengthS)} s`
    return { at: Math.max(0, Math.round(share * (width - 1)) - (share === 0 ? 0 : text.length - 1)), text }
  })
  let below = ''
  for (const { at, text } of marks) below = below.padEnd(at) + text
  return [
    `${name}, ${sides.map((side, index) => paint.side(index, `${index === 0 ? '⣀⣀' : '⡀⡀'} ${side}`)).join('  ')}`,
    ...drawn,
    `${' '.repeat(axisWidth)}└${'─'.repeat(width)}`,
    `${' '.repeat(axisWidth + 1)}${below}`,
  ]
}

/** The latest value of each side, by the row that it is written in. */
function lineLabels(points: readonly (readonly (number | null)[])[], height: number, top: number) {
  const labels: ({ side: number; value: number } | undefined)[] = Array.from({ length: height })
  const latest = points
    .map((side, index) => ({ side: index, value: side.findLast((value) => value !== null) ?? null }))
    .filter((each): each is { side: number; value: number } => each.value !== null)
    .sort((a, b) => b.value - a.value)
  const rowOf = (value: number) => Math.round((height - 1) * (1 - Math.min(value, top) / top))
  let above = -1
  for (const [index, label] of latest.entries()) {
    const lowest = height - latest.length + index
    above = Math.min(lowest, Math.max(above + 1, rowOf(label.value)))
    labels[above] = label
  }
  return labels
}

/** What has happened, in a line; none before anything has. */
export function eventLines({ events }: ScenarioFeed, columns: number): string[] {
  if (events.length === 0) return []
  return [cut(events.map(({ atS, text }) => `${Math.round(atS)} s: ${text}`).join(' · '), columns)]
}

const cut = (text: string, columns: number): string =>
  text.length <= columns ? text : `${text.slice(0, columns - 1)}…`

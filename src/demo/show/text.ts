import { styleText } from 'node:util'
import type { ScenarioFeed } from '../scenario-feed.ts'
import { valueText } from '../scenarios/value-text.ts'

/** How text is made to stand out. */
export type Paint = {
  readonly strong: (text: string) => string
  readonly faint: (text: string) => string
  /** The colour of a side: 0 is Signalbox. */
  readonly side: (side: number, text: string) => string
}

export const plain: Paint = { strong: (text) => text, faint: (text) => text, side: (_, text) => text }

const sideStyles = ['cyan', 'yellow'] as const

/** In colours where the stream shows them; NO_COLOR and the like are respected. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  return {
    strong: (text) => styleText('bold', text, { stream }),
    faint: (text) => styleText('dim', text, { stream }),
    side: (side, text) => styleText(sideStyles[side], text, { stream }),
  }
}

/** The figures as a table with a column for each side. */
export function figureLines({ sides, summary }: ScenarioFeed, paint: Paint): string[] {
  const names = summary.map(({ name }) => name)
  const rows = summary.map(({ values, unit }) => values.map((value) => valueText(value, unit)))
  const nameWidth = Math.max(...names.map(({ length }) => length))
  const widths = sides.map((side, column) => Math.max(side.length, ...rows.map((row) => row[column].length)))
  const line = (name: string, cells: readonly string[]) =>
    [name.padEnd(nameWidth), ...cells.map((cell, side) => paint.side(side, cell.padStart(widths[side])))].join('   ')
  return [line('', sides), ...rows.map((row, index) => line(names[index], row))]
}

/** What a scenario has shown: figures, how they were measured, and the verdict. */
export function summaryLines(feed: ScenarioFeed, paint: Paint): string[] {
  const { measured, verdict } = feed
  const from = measured.fromS === 0 ? '' : ` after the first ${Math.round(measured.fromS)} s, in which caches fill`
  return [
    ...figureLines(feed, paint),
    '',
    `Measured: ${measured.requests.toLocaleString('en-US')} requests to each side${from}.`,
    busyLine(measured.machineBusy),
    verdict === null ? 'It was ended early, so there is no verdict.' : paint.strong(verdict.text),
  ]
}

/** From here on, times say more of the machine than of the servers. */
const muchBusy = 0.75

const busyLine = (share: number): string =>
  `This machine was ${(100 * share).toFixed(0)} % busy${share > muchBusy ? ': too much for the times to mean a lot. Try again when it is calm' : ''}.`

/** The latest of each series in one line, for output that cannot be drawn over. */
export function progressLine({ timesS, series, sides }: ScenarioFeed): string {
  const of = ({ name, unit, points }: ScenarioFeed['series'][number]) => {
    const values = points.map((side, index) => `${sides[index]} ${valueText(side.at(-1) ?? null, unit)}`)
    return `${name}: ${values.join(', ')}`
  }
  return `${`${Math.round(timesS.at(-1) ?? 0)} s`.padStart(5)}  ${series.map(of).join(' · ')}`
}

/** Lines of whole words. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

import { stripVTControlCharacters, styleText } from 'node:util'

/** A cell that misses its target stands out: red on a terminal, bold in Markdown. */
export type Cell = string | { readonly text: string; readonly missesTarget: true }

export type Table = {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
  /** So many columns from the left hold words and align to the left; the others hold figures and align to the right. */
  readonly labelColumns: number
  /** How to read it, in a sentence or two. */
  readonly note?: string
}

/** For a terminal. */
export function alignTable({ title, columns, rows, labelColumns, note }: Table): string {
  const lines = [columns, ...rows.map((row) => row.map(terminalCell))]
  return [title, alignColumns(lines, labelColumns), ...(note ? [note] : [])].join('\n')
}

/** Pads the columns to one width each, the first `labelColumns` to the left, the others to the right. */
export function alignColumns(lines: readonly (readonly string[])[], labelColumns: number): string {
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => visibleLength(line[i]))))
  const pad = (text: string, column: number) => {
    const space = ' '.repeat(widths[column] - visibleLength(text))
    return column < labelColumns ? text + space : space + text
  }
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n')
}

/** Below a heading of the third level. */
export function markdownTable({ title, columns, rows, labelColumns, note }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = columns.map((_, i) => (i < labelColumns ? '---' : '---:'))
  const body = [columns, rule, ...rows.map((row) => row.map(markdownCell))].map(line)
  return [`### ${title}`, '', ...(note ? [note, ''] : []), ...body].join('\n')
}

const visibleLength = (text: string) => stripVTControlCharacters(text).length
const terminalCell = (cell: Cell) => (typeof cell === 'string' ? cell : styleText('red', cell.text))
const markdownCell = (cell: Cell) => (typeof cell === 'string' ? cell : `**${cell.text}**`)

/** Three significant digits, whole from 100 on: `0.87`, `12.3`, `4,210`; a dash for what could not be measured. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–'
  return value.toLocaleString('en-US', value < 100 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 })
}

/** `1 KB`, `220 KB`, `1 MB`, in powers of 1024. */
export function byteSize(bytes: number): string {
  const [unit, name] = bytes >= 1 << 20 ? [1 << 20, 'MB'] : [1 << 10, 'KB']
  return `${figure(bytes / unit)} ${name}`
}

/** A longer cell pushes what follows it in its own row alone. */
const maxWidth = 44

/** Rows as lines whose columns begin below each other, two spaces apart. Rows may be shorter than others. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.slice(0, -1).entries()) {
      const width = widthOf(cell)
      if (width <= maxWidth) widths[column] = Math.max(widths[column] ?? 0, width)
    }
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell))))
      .join('  ')
      .trimEnd(),
  )
}

const widthOf = (text: string): number => [...text].length

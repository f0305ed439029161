/** A line over the times of a {@link Plot}; null where there is nothing to draw. */
export type PlotLine = {
  readonly points: readonly (number | null)[]
  /** Every other dot alone, so that two lines differ without colour. */
  readonly isDotted: boolean
}

export type Plot = {
  /** In characters; each has two dots across and four up (Unicode braille patterns). */
  readonly width: number
  readonly height: number
  /** Rising. */
  readonly times: readonly number[]
  /** The time at the right edge; 0 is at the left one. */
  readonly lastTime: number
  /** The value at the upper edge; 0 is at the lower one. */
  readonly top: number
  /** Earlier ones lie above later ones. */
  readonly lines: readonly PlotLine[]
}

/** One character, and the line that it is coloured as. */
export type Cell = { readonly text: string; readonly line: number | undefined }

const brailleBlank = 0x2800
/** The bit of each dot, by row from the top and column. */
const dotBits = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
]

/** Rows of characters from the top. */
export function plot({ width, height, times, lastTime, top, lines }: Plot): Cell[][] {
  const bits = Array.from({ length: height }, () => new Uint8Array(width))
  const owners = Array.from({ length: height }, () => new Array<number | undefined>(width))
  const [right, bottom] = [2 * width - 1, 4 * height - 1]
  const setDot = (line: number, x: number, y: number) => {
    bits[y >> 2][x >> 1] |= dotBits[y & 3][x & 1]
    owners[y >> 2][x >> 1] = line
  }
  for (const [line, { points, isDotted }] of [...lines.entries()].toReversed()) {
    let before: readonly [number, number] | undefined
    for (const [index, value] of points.entries()) {
      if (value === null) {
        before = undefined
        continue
      }
      const x = Math.round((right * Math.min(times[index], lastTime)) / lastTime)
      const y = Math.round(bottom - (bottom * Math.min(value, top)) / top)
      for (const [dotX, dotY] of dotsBetween(before ?? [x, y], [x, y])) {
        if (!isDotted || (dotX + dotY) % 2 === 0) setDot(line, dotX, dotY)
      }
      before = [x, y]
    }
  }
  return bits.map((row, y) =>
    Array.from(row, (dots, x) => ({
      text: dots === 0 ? ' ' : String.fromCodePoint(brailleBlank + dots),
      line: owners[y][x],
    })),
  )
}

/** The dots of a straight line, both ends included. */
function dotsBetween([x0, y0]: readonly [number, number], [x1, y1]: readonly [number, number]): [number, number][] {
  const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1)
  return Array.from({ length: steps + 1 }, (_, i) => [
    Math.round(x0 + ((x1 - x0) * i) / steps),
    Math.round(y0 + ((y1 - y0) * i) / steps),
  ])
}

/** The smallest of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten that is not below the value; 1 for 0. */
export function roundTop(value: number): number {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return power * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value)!
}

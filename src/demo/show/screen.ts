import type { WriteStream } from 'node:tty'

/** What control sequences begin with. */
const csi = '\x1b['
/** xterm's alternate screen, so that what was there before comes back. */
const enter = `${csi}?1049h${csi}?25l`
const leave = `${csi}?25h${csi}?1049l`
/** Terminals that know it show all that comes between at once (synchronized output); others pass over it. */
const begin = `${csi}?2026h${csi}H`
const end = `${csi}J${csi}?2026l`
const clearToEndOfLine = `${csi}K`

/** A terminal that is drawn over again and again, each time in one write and without clearing first: no flicker. */
export class Screen {
  readonly #stream: WriteStream

  constructor(stream: WriteStream) {
    this.#stream = stream
    stream.write(enter)
  }

  draw(lines: readonly string[]): void {
    this.#stream.write(begin + lines.map((line) => line + clearToEndOfLine).join('\n') + end)
  }

  close(): void {
    this.#stream.write(leave)
  }
}

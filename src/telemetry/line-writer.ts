import type { Clock } from '../clock.ts'

/** Where lines go, such as standard output. */
export type LineSink = {
  /** Calls back when the text is on its way, or can't be. */
  write(text: string, done: (error?: Error | null) => void): unknown
}

/** Written without waiting for who reads it, if that is a pipe, as containers have it. One that has gone is no trouble. */
export function standardOutput(): LineSink {
  process.stdout.on('error', () => {})
  return process.stdout
}

export const lineLimits = {
  /** Lines wait so long for others that leave with them, milliseconds. */
  batchMs: 100,
  /** What is written at once, bytes. A pipe takes so much as a whole (PIPE_BUF): lines of several processes do not mix. */
  maxBatchBytes: 4096,
  /** Lines that wait for a reader, bytes; what comes then is left out. */
  maxWaitingBytes: 1024 * 1024,
} as const

/** Writes lines in batches, one after the other. A reader that does not read loses lines, and holds nothing up. */
export class LineWriter {
  readonly #sink: LineSink
  readonly #clock: Pick<Clock, 'after'>
  #lines: string[] = []
  #waitingBytes = 0
  #isWriting = false
  #cancelTimer: (() => void) | undefined
  #emptied: (() => void)[] = []

  constructor(sink: LineSink, clock: Pick<Clock, 'after'>) {
    this.#sink = sink
    this.#clock = clock
  }

  /** False when there is no room for the line. */
  write(line: string): boolean {
    const bytes = Buffer.byteLength(line)
    if (this.#waitingBytes + bytes > lineLimits.maxWaitingBytes) return false
    this.#lines.push(line)
    this.#waitingBytes += bytes
    if (!this.#isWriting) this.#cancelTimer ??= this.#clock.after(lineLimits.batchMs, () => this.#writeNext())
    return true
  }

  /** Resolves when all has been written. */
  flush(): Promise<void> {
    const emptied = new Promise<void>((resolve) => this.#emptied.push(resolve))
    if (!this.#isWriting) this.#writeNext()
    return emptied
  }

  #writeNext(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#lines.length === 0) {
      for (const resolve of this.#emptied.splice(0)) resolve()
      return
    }
    let bytes = 0
    let count = 0
    while (count < this.#lines.length) {
      const more = Buffer.byteLength(this.#lines[count])
      if (count > 0 && bytes + more > lineLimits.maxBatchBytes) break
      bytes += more
      count += 1
    }
    const batch = this.#lines.splice(0, count).join('')
    this.#isWriting = true
    this.#sink.write(batch, () => {
      this.#isWriting = false
      this.#waitingBytes -= bytes
      this.#writeNext()
    })
  }
}

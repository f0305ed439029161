import type { Clock } from '../clock.ts'
import { accessLine, requestIdHeader } from './access-line.ts'
import { type Ended, observeEnds } from './exchange-ends.ts'
import type { LineWriter } from './line-writer.ts'
import type { ExchangeObserver } from './observers.ts'

/** Lines in a second; more are left out, and counted. */
export const maxLinesPerSecond = 1000

/** At the end of the process what is left is written for so long, milliseconds. */
const lastWriteMs = 1000

export type AccessLogParts = {
  /** Of the requests that went well, 0 to 1; all others are told. */
  readonly share: number
  readonly writer: LineWriter
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
}

/** Writes a line for each request that did not go well, and for a share of the others. */
export class AccessLog {
  readonly #parts: AccessLogParts
  #secondBeganMs = Number.NEGATIVE_INFINITY
  #linesInSecond = 0
  /** Left out since the last line that said so. */
  #leftOut = 0
  #cancelTimer: (() => void) | undefined

  constructor(parts: AccessLogParts) {
    this.#parts = parts
    this.observer = observeEnds(
      () => parts.clock.nowMs(),
      (ended) => this.#ended(ended),
    )
  }

  /** Request headers that are read for it. */
  readonly headerNames: readonly string[] = [requestIdHeader]

  readonly observer: ExchangeObserver

  #ended(ended: Ended): void {
    const { share, clock, random } = this.#parts
    const { outcome } = ended
    if ((outcome === 'answered' || outcome === 'unseen') && random() >= share) return
    const nowMs = clock.nowMs()
    if (nowMs - this.#secondBeganMs >= 1000) {
      this.#secondBeganMs = nowMs
      this.#linesInSecond = 0
    }
    if (this.#linesInSecond < maxLinesPerSecond && this.#parts.writer.write(accessLine(ended, clock.epochMs()))) {
      this.#linesInSecond += 1
      return
    }
    this.#leftOut += 1
    this.#cancelTimer ??= clock.after(1000, () => this.#tellLeftOut())
  }

  /** Says how many lines are missing, when there is room for that again. */
  #tellLeftOut(): void {
    const { writer, clock } = this.#parts
    const line = { time: new Date(clock.epochMs()).toISOString(), linesLeftOut: this.#leftOut }
    const isWritten = writer.write(`${JSON.stringify(line)}\n`)
    if (isWritten) this.#leftOut = 0
    this.#cancelTimer = isWritten ? undefined : clock.after(1000, () => this.#tellLeftOut())
  }

  /** Writes what is left, as long as somebody reads it. */
  async close(): Promise<void> {
    this.#cancelTimer?.()
    if (this.#leftOut > 0) this.#tellLeftOut()
    this.#cancelTimer?.()
    let cancel = () => {}
    const late = new Promise<void>((resolve) => {
      cancel = this.#parts.clock.after(lastWriteMs, resolve)
    })
    await Promise.race([this.#parts.writer.flush(), late])
    cancel()
  }
}

import type { BodyReader } from './bodies/body-reader.ts'
import type { InferenceRequest } from './inference-request.ts'
import type { Route } from './resolve.ts'

/**
 * Gives every top-level `model` of a body the same value while the body passes, piece by piece. All other bytes go through
 * as they are, by reference. A value that is replaced is left out as its bytes come, so nothing is held back for its end.
 */
export class ModelSplicer {
  readonly #found: Pick<BodyReader, 'modelSpans' | 'error'>
  readonly #literal: Buffer
  readonly #first: number
  #next: number

  /**
   * @param found the scanner that reads the body, ahead of {@link splice}
   * @param literal the value that the models get, as the body writes it
   * @param keepsFirst the first value is right as it is
   */
  constructor(found: Pick<BodyReader, 'modelSpans' | 'error'>, literal: Buffer, keepsFirst: boolean) {
    this.#found = found
    this.#literal = literal
    this.#first = keepsFirst ? 2 : 0
    this.#next = this.#first
  }

  /** Whether bytes before `end` have still to be changed. */
  changesBefore(end: number): boolean {
    const spans = this.#found.modelSpans
    return this.#next < spans.length && spans[this.#next] < end
  }

  /** Bytes that all values read so far make the body longer (or shorter, when negative). */
  lengthChange(): number {
    const spans = this.#found.modelSpans
    let change = 0
    for (let i = this.#first; i < spans.length; i += 2) {
      const end = this.#endOf(i)
      if (end !== Number.POSITIVE_INFINITY) change += this.#literal.length - (end - spans[i])
    }
    return change
  }

  /** Where the value that begins at `spans[i]` ends: where it stops to be JSON, when it does; Infinity as long as it goes on. */
  #endOf(i: number): number {
    const { modelSpans, error } = this.#found
    return modelSpans[i + 1] ?? error?.offset ?? Number.POSITIVE_INFINITY
  }

  /** Appends to `out` what the piece at body offset `offset` becomes. The scanner must have read it. */
  splice(piece: Buffer, offset: number, out: Buffer[]): void {
    const end = offset + piece.length
    let at = offset
    while (this.changesBefore(end)) {
      const start = this.#found.modelSpans[this.#next]
      if (start >= at) {
        if (start > at) out.push(piece.subarray(at - offset, start - offset))
        out.push(this.#literal)
      }
      const stop = this.#endOf(this.#next)
      if (stop > end) return
      at = stop
      this.#next += 2
    }
    if (at === offset) out.push(piece)
    else if (at < end) out.push(piece.subarray(at - offset))
  }
}

/** What gives the body of a request the model that it is routed to; undefined when it names none. */
export function splicerOf({ reader, model }: InferenceRequest, { target }: Route): ModelSplicer | undefined {
  if (model === undefined || reader === undefined) return undefined
  const keepsFirst = target === undefined || target.name === model
  const name = target?.name ?? model
  const literal = reader.modelBytes?.(name) ?? target?.literal ?? Buffer.from(JSON.stringify(name))
  return new ModelSplicer(reader, literal, keepsFirst)
}

import { decodeString } from '../request/json.ts'
import { maxModelBytes } from '../request/limits.ts'
import type { Findings, Pieces } from './findings.ts'

/** The name that the server knows the model by, and the one that the client asked for. */
export type ModelNames = { readonly served: string; readonly asked: string }

const quote = Buffer.from('"')

/**
 * The model values of a body, and what is sent of the body around them. A value that equals `served` becomes `asked`. The
 * bytes of a value that a piece's end cuts are held back until it is known; all else is sent as it came, by reference.
 */
export class ModelValues {
  readonly #names: ModelNames | undefined
  readonly #findings: Findings
  /** `asked` as JSON. */
  readonly #literal: Buffer
  /** The raw bytes of the value before, and whether it is `served`: events of one response repeat the same one. */
  #lastRaw: Buffer | undefined
  #lastIsServed = false
  /** Up to where the current piece has been given on. */
  #sent = 0
  /** Where in the current piece the content of an open value begins; -1 when none is open. */
  #start = -1
  /** The open value's content from earlier pieces, without the quote before it. */
  #held: Buffer | undefined

  /** How many values have ended, and where the content of the last one was in its piece. */
  closed = 0
  lastStart = 0
  lastEnd = 0

  constructor(names: ModelNames | undefined, findings: Findings) {
    this.#names = names === undefined || names.served === names.asked ? undefined : names
    this.#literal = this.#names === undefined ? quote : Buffer.from(JSON.stringify(this.#names.asked))
    this.#findings = findings
  }

  /** Whether the next value has to be read at all. */
  get isWanted(): boolean {
    return this.#names !== undefined || this.#findings.model === undefined
  }

  /** A value begins, its content at `start` of the current piece. */
  open(start: number): void {
    this.#start = start
  }

  /** The open value ends; its closing quote is at `end`. */
  close(piece: Buffer, end: number, out: Pieces): void {
    const start = this.#start
    const held = this.#held
    if (start < 0) return
    this.closed++
    this.lastStart = start
    this.lastEnd = end
    this.#start = -1
    this.#held = undefined
    if (held !== undefined) {
      const raw = Buffer.concat([held, piece.subarray(start, end)])
      if (!this.#judge(raw)) {
        if (this.#names !== undefined) {
          out.push(quote)
          out.push(held)
        }
        return
      }
      this.#findings.lengthChange += this.#literal.length - (raw.length + 2)
    } else {
      const isServed = this.#repeatsLast(piece, start, end)
        ? this.#lastIsServed
        : this.#judge(piece.subarray(start, end))
      if (!isServed) return
      if (start - 1 > this.#sent) out.push(piece.subarray(this.#sent, start - 1))
      this.#findings.lengthChange += this.#literal.length - (end - start + 2)
    }
    out.push(this.#literal)
    this.#sent = end + 1
  }

  /** The open value, if there is one, is not one after all, or too long to be of interest. */
  abandon(out: Pieces): void {
    if (this.#held !== undefined && this.#names !== undefined) {
      out.push(quote)
      out.push(this.#held)
    }
    this.#start = -1
    this.#held = undefined
  }

  /** The piece ends: gives on the rest of it, but for an open value, and is ready for the next one. */
  flush(piece: Buffer, out: Pieces): void {
    const sent = this.#sent
    this.#sent = 0
    if (this.#start >= 0 && this.#hold(piece, sent, out)) return
    if (sent === 0) out.push(piece)
    else if (sent < piece.length) out.push(piece.subarray(sent))
  }

  /** Keeps the open value's bytes of this piece. Returns whether what is before them has been given on. */
  #hold(piece: Buffer, sent: number, out: Pieces): boolean {
    const held = this.#held
    const start = this.#start
    if ((held?.length ?? 0) + piece.length - start > maxModelBytes) {
      this.abandon(out)
      return false
    }
    const part = piece.subarray(start)
    this.#held = held === undefined ? Buffer.from(part) : Buffer.concat([held, part])
    this.#start = 0
    if (this.#names === undefined) return false
    if (held === undefined && start - 1 > sent) out.push(piece.subarray(sent, start - 1))
    return true
  }

  #repeatsLast(piece: Buffer, start: number, end: number): boolean {
    const last = this.#lastRaw
    if (last === undefined || last.length !== end - start) return false
    for (let at = 0; at < last.length; at++) if (last[at] !== piece[start + at]) return false
    return true
  }

  /** Whether a value is `served`; notes the first one as the response's model. */
  #judge(raw: Buffer): boolean {
    if (raw.length > maxModelBytes) return false
    const model = decodeString(raw)
    this.#findings.model ??= model
    this.#lastRaw = Buffer.from(raw)
    this.#lastIsServed = model !== undefined && model === this.#names?.served
    return this.#lastIsServed
  }
}

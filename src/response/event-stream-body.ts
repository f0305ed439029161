import { ResponseDocument } from './document.ts'
import type { BodyReader, Findings, Pieces } from './findings.ts'
import { type ModelNames, ModelValues } from './model-values.ts'
import { KnownEvent } from './opening.ts'

/** Where in a line the next byte is. */
const Line = {
  start: 0,
  /** In the field's name, which has been "data" so far. */
  name: 1,
  /** After "data:", before the blank that may follow. */
  colon: 2,
  /** At the first byte of the data. */
  data: 3,
  document: 4,
  /** In a "[DONE]". */
  marker: 5,
  /** In a line that says nothing of interest. */
  skipped: 6,
} as const
type Line = (typeof Line)[keyof typeof Line]

const dataName = Buffer.from('data:')
const doneMarker = Buffer.from('[DONE]')

/**
 * A body of server-sent events (HTML standard, section 9.2.6) with a JSON document in each. A document counts as soon as its
 * line has ended: some servers leave out the empty line after an event. One that goes on in further data lines of its event
 * is read to its end.
 */
export class EventStreamBody implements BodyReader {
  readonly #findings: Findings
  readonly #models: ModelValues
  readonly #document: ResponseDocument
  #line: Line = Line.start
  /** Bytes of {@link dataName} or {@link doneMarker} that have been matched. */
  #matched = 0
  /** The last byte was a carriage return: a line feed now belongs to it. */
  #isAfterReturn = false

  constructor(names: ModelNames | undefined, findings: Findings) {
    this.#findings = findings
    this.#models = new ModelValues(names, findings)
    this.#document = new ResponseDocument(this.#models, new KnownEvent())
  }

  push(piece: Buffer, out: Pieces): void {
    const length = piece.length
    let at = 0
    while (at < length) {
      const byte = piece[at]
      if (this.#isAfterReturn) {
        this.#isAfterReturn = false
        if (byte === 0x0a) {
          at++
          continue
        }
      }
      if (this.#line === Line.document) at = this.#readDocument(piece, at, out)
      else if (byte === 0x0a || byte === 0x0d) {
        this.#isAfterReturn = byte === 0x0d
        this.#endLine(out)
        at++
      } else at = this.#readLine(piece, at, byte, out)
    }
    this.#models.flush(piece, out)
  }

  end(out: Pieces): void {
    if (this.#line !== Line.start) this.#endLine(out)
    this.#models.abandon(out)
  }

  /** Reads a byte, or more, of a line outside of its document. Returns where it stopped. */
  #readLine(piece: Buffer, at: number, byte: number, out: Pieces): number {
    switch (this.#line) {
      case Line.start:
        // Nearly all lines of interest are in one piece so far.
        if (
          byte === 0x64 &&
          at + 6 < piece.length &&
          piece[at + 1] === 0x61 &&
          piece[at + 2] === 0x74 &&
          piece[at + 3] === 0x61 &&
          piece[at + 4] === 0x3a
        ) {
          this.#line = Line.colon
          return at + 5
        }
        this.#matched = 0
        this.#line = Line.name
        return at
      case Line.name:
        if (byte !== dataName[this.#matched]) {
          this.#line = Line.skipped
          return at
        }
        this.#matched++
        if (this.#matched === dataName.length) this.#line = Line.colon
        return at + 1
      case Line.colon:
        this.#line = this.#document.hasFailed ? Line.skipped : Line.data
        return byte === 0x20 ? at + 1 : at
      case Line.data:
        this.#matched = 0
        // A document that is an array has nothing of interest.
        this.#line = byte === 0x5b && this.#document.isFresh ? Line.marker : Line.document
        return at
      case Line.marker:
        if (byte === doneMarker[this.#matched]) {
          this.#matched++
          return at + 1
        }
        this.#document.fail(out)
        this.#line = Line.skipped
        return at
      default:
        return endOfLine(piece, at)
    }
  }

  #readDocument(piece: Buffer, at: number, out: Pieces): number {
    const document = this.#document
    const lineFeed = piece.indexOf(0x0a, at)
    const end = lineFeed < 0 ? piece.length : lineFeed
    const stopped = document.read(piece, at, end, true, out)
    if (document.hasFailed) {
      this.#line = Line.skipped
      return endOfLine(piece, stopped)
    }
    if (stopped === piece.length) return stopped
    this.#isAfterReturn = stopped < end
    this.#endLine(out)
    return stopped + 1
  }

  #endLine(out: Pieces): void {
    const document = this.#document
    switch (this.#line) {
      case Line.start:
        // The empty line that ends an event.
        if (!document.isFresh) {
          if (!document.hasFailed) document.fail(out)
          document.reset()
        }
        break
      case Line.document:
        if (!document.isDone) document.endLine(out)
        if (document.isDone) {
          document.commit(this.#findings)
          document.reset()
        }
        break
      case Line.marker:
        if (this.#matched === doneMarker.length) this.#findings.finished = true
        else document.fail(out)
    }
    this.#line = Line.start
  }
}

/** The line end at or after `at`, or the end of the piece. */
function endOfLine(piece: Buffer, at: number): number {
  while (at < piece.length && piece[at] !== 0x0a && piece[at] !== 0x0d) at++
  return at
}

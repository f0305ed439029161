import { ResponseDocument } from './document.ts'
import type { BodyReader, Findings, Pieces } from './findings.ts'
import { type ModelNames, ModelValues } from './model-values.ts'

/** A body that is one JSON document. What it tells of the response counts from {@link end} on. */
export class JsonBody implements BodyReader {
  readonly #findings: Findings
  readonly #models: ModelValues
  readonly #document: ResponseDocument

  constructor(names: ModelNames | undefined, findings: Findings) {
    this.#findings = findings
    this.#models = new ModelValues(names, findings)
    this.#document = new ResponseDocument(this.#models)
  }

  push(piece: Buffer, out: Pieces): void {
    if (!this.#document.hasFailed) this.#document.read(piece, 0, piece.length, false, out)
    this.#models.flush(piece, out)
  }

  end(out: Pieces): void {
    const document = this.#document
    document.endLine(out)
    if (document.isDone) {
      document.commit(this.#findings)
      this.#findings.finished = true
    } else document.fail(out)
  }
}

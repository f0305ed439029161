import { UsageNumbers } from './usage.ts'

/** What has been read of a response so far. */
export class Findings {
  /** The first model that the response names, as the server calls it. */
  model: string | undefined
  /** A finish or stop reason, a final status, `[DONE]` or the end of a JSON document has been read. */
  finished = false
  /** Events (JSON documents, gRPC messages) with generated content; one event mostly brings one token. */
  events = 0
  readonly usage = new UsageNumbers()
  /** Bytes that restored model names have made the body longer (shorter, when negative). */
  lengthChange = 0
}

/** Where the pieces of a body go, in order: a list of them, or the stream. */
export type Pieces = { push(piece: Buffer): unknown }

/** Reads the body of a response, and gives on what must be sent. */
export type BodyReader = {
  /** Appends to `out` what must be sent for `piece`. */
  push(piece: Buffer, out: Pieces): void
  /** After the last piece; appends what was held back. */
  end(out: Pieces): void
}

import type { BodyReader } from '../../../src/request/bodies/body-reader.ts'
import { ModelSplicer } from '../../../src/request/rewrite.ts'

/** All that a reader has found. */
export function findings(reader: BodyReader) {
  const { model, user, stream, maxTokens, promptStart, promptEnd, modelSpans, isComplete, error } = reader
  return { model, user, stream, maxTokens, promptStart, promptEnd, modelSpans, isComplete, error }
}
export type Findings = ReturnType<typeof findings>

/** What a reader has found in a complete body in which nothing of interest is. */
export const nothing: Findings = {
  model: undefined,
  user: undefined,
  stream: false,
  maxTokens: undefined,
  promptStart: -1,
  promptEnd: -1,
  modelSpans: [],
  isComplete: true,
  error: undefined,
}

/** Reads the pieces, and overwrites each one as soon as it has been read: nothing of it may be needed later. */
export function readPieces(reader: BodyReader, pieces: readonly Buffer[]): Findings {
  for (const piece of pieces) {
    reader.push(piece)
    piece.fill('#')
  }
  reader.end()
  return findings(reader)
}

/** The body as it is sent on when each piece goes as soon as it is read, once the first model is known. */
export function renamed(reader: BodyReader, pieces: readonly Buffer[], model: string, keepsFirst = false): Buffer {
  const out: Buffer[] = []
  const held: Buffer[] = []
  let offset = 0
  let splicer: ModelSplicer | undefined
  for (const piece of pieces) {
    reader.push(piece)
    held.push(piece)
    if (reader.model === undefined) continue
    splicer ??= new ModelSplicer(reader, reader.modelBytes?.(model) ?? Buffer.from(JSON.stringify(model)), keepsFirst)
    for (const part of held.splice(0)) {
      splicer.splice(part, offset, out)
      offset += part.length
    }
  }
  return Buffer.concat([...out, ...held])
}

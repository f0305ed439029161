import { createResponseReader, type ResponseOptions } from '../../src/response/response-reader.ts'

export const served = 'meta-llama/Llama-3.1-8B-Instruct'
export const asked = 'food-review "v2"'
export const restore = { served, asked }

/** Reads the pieces, and overwrites each one as soon as what came of it has been copied: nothing of it may be needed later. */
export function readPieces(pieces: readonly Buffer[], options: ResponseOptions) {
  const reader = createResponseReader(options)!
  const sent: Buffer[] = []
  const out: Buffer[] = []
  const take = () => {
    sent.push(Buffer.concat(out))
    out.length = 0
  }
  for (const piece of pieces) {
    reader.push(piece, out)
    take()
    piece.fill('#')
  }
  reader.end(out)
  take()
  const { model, usage, namedUsage, finished, events, hasContent, lengthChange, isStream } = reader
  return {
    body: Buffer.concat(sent).toString('latin1'),
    found: { model, usage, namedUsage, finished, events, hasContent, lengthChange, isStream },
    /** What was sent after each piece, and after the end. */
    sent,
  }
}

export const json = { contentType: 'application/json', contentEncoding: undefined }
export const eventStream = { contentType: 'text/event-stream; charset=utf-8', contentEncoding: undefined }

export const dataEvents = (...documents: unknown[]): string =>
  documents.map((document) => `data: ${JSON.stringify(document)}\n\n`).join('')

export const typedEvents = (...documents: { readonly type: string; readonly [key: string]: unknown }[]): string =>
  documents.map((document) => `event: ${document.type}\ndata: ${JSON.stringify(document)}\n\n`).join('')

import type { Usage } from '../scheduling/plugin.ts'
import { EngineBody } from './engine-body.ts'
import { EventStreamBody } from './event-stream-body.ts'
import { type BodyReader, Findings, type Pieces } from './findings.ts'
import { JsonBody } from './json-body.ts'
import type { ModelNames } from './model-values.ts'
import { namedUsage, usageOf } from './usage.ts'

/** What a response's headers say of its body, and what is to be done with it. */
export type ResponseOptions = {
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  /** Model values that equal `served` become `asked`. */
  readonly restore?: ModelNames | undefined
}

type BodyKind = 'json' | 'events' | 'engine'

/**
 * Reads a response body while it streams by, and finds what it tells of the model, the tokens and the end of the generation.
 * What is not valid passes through as it is, and is no error.
 */
export class ResponseReader {
  readonly #findings = new Findings()
  readonly #body: BodyReader
  /** The content is sent as it is generated, so that its first piece and the times between pieces say something. */
  readonly isStream: boolean

  constructor(kind: BodyKind, restore: ModelNames | undefined) {
    this.#body = bodyReader(kind, restore, this.#findings)
    this.isStream = kind === 'events' || kind === 'engine'
  }

  /**
   * Appends to `out` what must be sent for `piece`: views into it, and around a restored name the new one. Of `piece` nothing
   * is needed later but by these views.
   */
  push(piece: Buffer, out: Pieces): void {
    if (piece.length > 0) this.#body.push(piece, out)
  }

  /** To be called once after the last piece. Appends what was held back of a body that ends within a model's name. */
  end(out: Pieces): void {
    this.#body.end(out)
  }

  /** The first model that the response names, as the server calls it. */
  get model(): string | undefined {
    return this.#findings.model
  }

  /** What has been told so far; of a JSON body that is known after {@link end}. */
  get usage(): Usage | undefined {
    return usageOf(this.#findings.usage)
  }

  /** The numbers of the response's usage by their names there, for expressions. */
  get namedUsage(): Record<string, number> {
    return namedUsage(this.#findings.usage)
  }

  /** The response says that it is complete: a finish or stop reason, a final status, `[DONE]`, the end of a JSON document. */
  get finished(): boolean {
    return this.#findings.finished
  }

  /** Events that brought generated content, text, tool calls or tokens; one event mostly brings one token. */
  get events(): number {
    return this.#findings.events
  }

  /** Something generated has been read. The opening events of a stream, which name the role only, have nothing generated. */
  get hasContent(): boolean {
    return this.#findings.events > 0
  }

  /** Bytes that restored names have made the body longer so far (shorter, when negative). */
  get lengthChange(): number {
    return this.#findings.lengthChange
  }
}

/** Undefined for a body that cannot be read: one that is compressed, or of an unknown type. */
export function createResponseReader(options: ResponseOptions): ResponseReader | undefined {
  const kind = kindOf(options)
  return kind && new ResponseReader(kind, options.restore)
}

function kindOf({ contentType, contentEncoding }: ResponseOptions): BodyKind | undefined {
  if (contentType === undefined) return undefined
  if (contentEncoding !== undefined && contentEncoding !== '' && contentEncoding.toLowerCase() !== 'identity') {
    return undefined
  }
  const parameters = contentType.indexOf(';')
  const type = (parameters < 0 ? contentType : contentType.slice(0, parameters)).trim().toLowerCase()
  switch (type) {
    case 'application/json':
      return 'json'
    case 'text/event-stream':
      return 'events'
    case 'application/grpc':
    case 'application/grpc+proto':
      return 'engine'
    default:
      return undefined
  }
}

function bodyReader(kind: BodyKind, restore: ModelNames | undefined, findings: Findings): BodyReader {
  switch (kind) {
    case 'json':
      return new JsonBody(restore, findings)
    case 'events':
      return new EventStreamBody(restore, findings)
    case 'engine':
      return new EngineBody(findings)
  }
}

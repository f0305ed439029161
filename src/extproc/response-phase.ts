import type { Flight } from '../request/flight.ts'
import { createResponseReader, type ResponseReader } from '../response/response-reader.ts'
import { bodyMode } from './decode.ts'
import { type ByteSink, DuplexBody } from './duplex-body.ts'
import {
  answer,
  encodeAnswer,
  encodeBodyReplacementOpening,
  encodeTrailersAnswer,
  type Metadata,
  noMutation,
} from './encode.ts'
import { type HeaderValues, slot } from './headers.ts'

/** What a response phase needs from outside, the same for all. */
export type ResponseContext = {
  readonly nowMs: () => number
  /** Dynamic metadata for what a response has used; undefined for none. */
  usageMetadata(reader: ResponseReader): Metadata | undefined
}

const continueHeaders = encodeAnswer(answer.responseHeaders, noMutation)
const continueBody = encodeAnswer(answer.responseBody, noMutation)
const continueTrailers = encodeTrailersAnswer(answer.responseTrailers)

/**
 * The response of one exchange on its way to the client: read for what it has used, given the model name that the client knows,
 * and never held back. It says when the exchange is over.
 */
export class ResponsePhase {
  readonly #context: ResponseContext
  readonly #out: ByteSink
  /** bodyMode of the response. */
  readonly #mode: number
  readonly #flight: Flight | undefined
  readonly #echo: DuplexBody | undefined
  #reader: ResponseReader | undefined
  /** The pieces of the current message as they go on, but in full duplex. */
  #pieces: Buffer[] = []
  #isChanged = false
  #isReadToEnd = false

  /** `:status`; NaN when it was not sent. */
  status = Number.NaN
  bytes = 0
  isEnded = false
  // Milliseconds of the clock; NaN as long as it has not happened.
  beganAtMs = Number.NaN
  firstTokenAtMs = Number.NaN
  endedAtMs = Number.NaN

  constructor(context: ResponseContext, mode: number, flight: Flight | undefined, out: ByteSink) {
    this.#context = context
    this.#mode = mode
    this.#flight = flight
    this.#out = out
    this.#echo = mode === bodyMode.fullDuplex ? new DuplexBody(answer.responseBody, out) : undefined
    this.beganAtMs = context.nowMs()
  }

  get reader(): ResponseReader | undefined {
    return this.#reader
  }

  headers(headers: HeaderValues, endOfStream: boolean): void {
    this.status = Number(headers[slot.status] ?? Number.NaN)
    const isRead = !endOfStream && this.#mode !== bodyMode.none && !(this.status >= 300)
    if (isRead) {
      this.#reader = createResponseReader({
        contentType: headers[slot.contentType] ?? this.#expectedType,
        contentEncoding: headers[slot.contentEncoding],
        restore: this.#flight?.request.restoredModel,
      })
    }
    const setHeaders = this.#flight?.responseHeaders ?? noMutation.setHeaders
    // The length that a restored name makes is known at the end only. Of a whole body it is set with the body.
    const mayChange = this.#mayRestore && this.#mode !== bodyMode.buffered
    const removeHeaders = mayChange && headers[slot.contentLength] !== undefined ? ['content-length'] : []
    const isUnchanged = setHeaders.length + removeHeaders.length === 0
    this.#out.write(
      isUnchanged
        ? continueHeaders
        : encodeAnswer(answer.responseHeaders, { ...noMutation, setHeaders, removeHeaders }),
    )
    if (endOfStream) this.#end()
  }

  body(piece: Buffer): void {
    if (this.bytes === 0) this.#flight?.responseStarted()
    this.bytes += piece.length
    const reader = this.#reader
    if (reader === undefined) return this.#echo?.push(piece)
    const before = this.#pieces.length
    reader.push(piece, this.#echo ?? this.#pieces)
    if (reader.hasContent && Number.isNaN(this.firstTokenAtMs)) this.#seeFirstToken(reader)
    if (this.#echo !== undefined) return
    this.#isChanged ||= this.#pieces.length !== before + 1 || this.#pieces[before] !== piece
  }

  bodyEnd(endOfStream: boolean): void {
    // Buffered, this is all of the body, even if trailers follow.
    const isWhole = endOfStream || this.#mode === bodyMode.buffered
    // What is held back of a part has no later message to go on with.
    if (isWhole || this.#mode === bodyMode.bufferedPartial) this.#endReader()
    const metadata = isWhole ? this.#usageMetadata() : undefined
    if (this.#echo !== undefined) this.#echo.flush(endOfStream, metadata)
    else this.#answerMessage(metadata)
    if (isWhole) this.#end()
  }

  trailers(): void {
    this.#endReader()
    const metadata = this.#usageMetadata()
    this.#echo?.flush(false)
    this.#out.write(metadata ? encodeTrailersAnswer(answer.responseTrailers, metadata) : continueTrailers)
    this.#end()
  }

  #seeFirstToken({ isStream }: ResponseReader): void {
    this.firstTokenAtMs = this.#context.nowMs()
    if (!isStream || this.#flight === undefined) return
    const { targetSeries, startedAtMs } = this.#flight.request
    targetSeries?.answered(this.firstTokenAtMs - startedAtMs)
  }

  /** Body bytes are owed, or may still have to be changed. */
  get isOwed(): boolean {
    return !this.isEnded && (this.#echo !== undefined || this.#mayRestore)
  }

  get #mayRestore(): boolean {
    return this.#reader !== undefined && this.#flight?.request.restoredModel !== undefined
  }

  /** What a body is read as that does not say what it is: what the request asked for, if it asked a model for something. */
  get #expectedType(): string | undefined {
    const reader = this.#flight?.request.reader
    return reader && (reader.stream ? 'text/event-stream' : 'application/json')
  }

  /** What the reader has held back goes on with the last message, which then is not what came. */
  #endReader(): void {
    if (this.#isReadToEnd) return
    this.#isReadToEnd = true
    const before = this.#pieces.length
    this.#reader?.end(this.#echo ?? this.#pieces)
    this.#isChanged ||= this.#pieces.length > before
  }

  #answerMessage(metadata: Metadata | undefined): void {
    if (this.#isChanged) {
      const bytes = this.#pieces.reduce((sum, { length }) => sum + length, 0)
      const isWhole = this.#mode === bodyMode.buffered
      const setHeaders = isWhole ? ['content-length', String(bytes)] : noMutation.setHeaders
      this.#out.write(encodeBodyReplacementOpening(answer.responseBody, { ...noMutation, setHeaders, metadata }, bytes))
      for (const piece of this.#pieces) this.#out.write(piece)
    } else this.#out.write(metadata ? encodeAnswer(answer.responseBody, { ...noMutation, metadata }) : continueBody)
    this.#pieces = []
    this.#isChanged = false
  }

  #usageMetadata(): Metadata | undefined {
    return this.isEnded || this.#reader === undefined ? undefined : this.#context.usageMetadata(this.#reader)
  }

  #end(): void {
    if (this.isEnded) return
    this.isEnded = true
    this.endedAtMs = this.#context.nowMs()
  }
}

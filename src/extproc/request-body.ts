import type { ModelSplicer } from '../request/rewrite.ts'
import { bodyMode, type ProtocolConfig } from './decode.ts'
import { type ByteSink, DuplexBody } from './duplex-body.ts'
import { answer, encodeAnswer, encodeBodyReplacementOpening, type Mutation, noMutation } from './encode.ts'
import { HeldBody } from './held-body.ts'
import type { HeldMemory } from './held-memory.ts'

/**
 * How the body of a request is answered. `duplex`: headers held until decided, all bytes sent back. `streamed`: the same, but
 * each message is acknowledged, with its new content where it changes. `whole`: headers passed at once, one answer to the one
 * body message; `part`: the same, of the part that Envoy buffers. `late`: chunks come after the headers have gone, too late
 * to route. `none`: no body is sent.
 */
export type RequestMode = 'duplex' | 'streamed' | 'whole' | 'part' | 'late' | 'none'

export function requestMode(config: ProtocolConfig): RequestMode {
  switch (config.requestBodyMode) {
    case bodyMode.none:
      return 'none'
    case bodyMode.streamed:
      return config.sendBodyWithoutWaiting ? 'streamed' : 'late'
    case bodyMode.buffered:
      return 'whole'
    case bodyMode.bufferedPartial:
      return 'part'
    default:
      return 'duplex'
  }
}

const acknowledgement = encodeAnswer(answer.requestBody, noMutation)

/** The request's body on its way through: held until released, then sent on in the form that its mode asks for. */
export class RequestBody {
  readonly #out: ByteSink
  readonly #mode: RequestMode
  readonly #memory: HeldMemory
  #held: HeldBody
  /** The body as it was before it was compressed, until it is known which of the two goes on. */
  #decoded: HeldBody | undefined
  readonly #echo: DuplexBody
  /** Body offsets at which the messages end that have still to be acknowledged. */
  readonly #messageEnds: number[] = []
  #isReleased = false
  /** A message with end_of_stream came while the body was held. */
  #hasEnded = false
  /** What is held is not what came, so no message may pass as it is. */
  #isDecoded = false
  #splicer: ModelSplicer | undefined

  /** @param memory where what is held is counted */
  constructor(mode: RequestMode, out: ByteSink, memory: HeldMemory) {
    this.#mode = mode
    this.#out = out
    this.#memory = memory
    this.#held = new HeldBody(memory)
    this.#echo = new DuplexBody(answer.requestBody, out)
  }

  /** Bytes that have come so far. */
  get bytes(): number {
    return this.#held.end
  }

  /** Takes the next bytes; the splicer's scanner must have read them. */
  add(piece: Buffer): void {
    if (this.#isReleased && this.#mode === 'duplex') {
      this.#sendBack(piece, this.#held.end)
      this.#held.skip(piece.length)
    } else {
      this.#held.add(piece)
    }
  }

  /** Lets the body go on from here; `splicer` sets the models in it. The headers must have been answered, if they are due. */
  release(splicer: ModelSplicer | undefined): void {
    this.#isReleased = true
    this.#splicer = splicer
    this.#decoded?.drop()
    this.#decoded = undefined
    if (this.#mode !== 'duplex') return
    let offset = this.#held.start
    for (const piece of this.#held.take(this.#held.end)) {
      this.#sendBack(piece, offset)
      offset += piece.length
    }
  }

  /** A body message has ended. It is answered now when the body is released, else as soon as it is. */
  endMessage(endOfStream: boolean): void {
    if (!this.#isReleased) this.#hasEnded = endOfStream
    if (this.#mode !== 'duplex') this.#messageEnds.push(this.#held.end)
    if (this.#isReleased) this.#answer(endOfStream)
  }

  /** Answers what has come while the body was held; to be called once it is released, unless a message is just coming. */
  catchUp(): void {
    this.#answer(this.#hasEnded)
  }

  /** The body has ended without a message that says so: by trailers, or with the stream. */
  endWithoutMessage(): void {
    if (this.#isReleased) this.#answer(false)
  }

  get heldBytes(): number {
    return this.#held.end - this.#held.start
  }

  /** The bytes that are held, in order. */
  get heldPieces(): readonly Buffer[] {
    return this.#held.pieces
  }

  /** Memory that is kept alive by what is held, bytes. */
  get memoryBytes(): number {
    return this.#held.memoryBytes + (this.#decoded?.memoryBytes ?? 0)
  }

  /** Holds the body as it was before it was compressed beside the one that came, until {@link becomeDecoded} or {@link release}. */
  holdDecoded(pieces: readonly Buffer[]): void {
    this.#decoded = new HeldBody(this.#memory)
    for (const piece of pieces) this.#decoded.add(piece)
  }

  get hasDecoded(): boolean {
    return this.#decoded !== undefined
  }

  /** Holds the decoded body in place of the one that came. Of several messages the last one is answered with all of it. */
  becomeDecoded(): void {
    this.#held.drop()
    this.#held = this.#decoded!
    this.#decoded = undefined
    this.#isDecoded = true
    this.#messageEnds.fill(0)
    if (this.#messageEnds.length > 0) this.#messageEnds[this.#messageEnds.length - 1] = this.#held.end
  }

  #answer(endOfStream: boolean): void {
    if (this.#mode === 'duplex') this.#echo.flush(endOfStream)
    else this.#acknowledge()
  }

  /** The one answer to a body that came as a whole or in part. The body must be released. */
  answerAtOnce(mutation: Mutation): void {
    const { end } = this.#held
    if (!this.#changesBefore(end)) {
      this.#held.drop()
      return this.#out.write(encodeAnswer(answer.requestBody, mutation))
    }
    // Envoy keeps the content-length of a whole body, and drops that of a part.
    const length = ['content-length', String(end + (this.#splicer?.lengthChange() ?? 0))]
    const setHeaders = this.#mode === 'whole' ? [...mutation.setHeaders, ...length] : mutation.setHeaders
    this.#replace({ ...mutation, setHeaders }, end)
  }

  /** Lets go of what is held. */
  drop(): void {
    this.#held.drop()
    this.#decoded?.drop()
  }

  #changesBefore(end: number): boolean {
    return this.#isDecoded || this.#splicer?.changesBefore(end) === true
  }

  #sendBack(piece: Buffer, offset: number): void {
    if (!this.#splicer?.changesBefore(offset + piece.length)) return this.#echo.push(piece)
    const parts: Buffer[] = []
    this.#splicer.splice(piece, offset, parts)
    for (const part of parts) this.#echo.push(part)
  }

  /** Answers the messages that have come whole, each with its new content where that differs. */
  #acknowledge(): void {
    for (const end of this.#messageEnds) {
      if (this.#changesBefore(end)) this.#replace(noMutation, end)
      else {
        this.#held.release(end)
        this.#out.write(acknowledgement)
      }
    }
    this.#messageEnds.length = 0
  }

  /** Answers with the held bytes before body offset `end` as the splicer makes them. */
  #replace(mutation: Mutation, end: number): void {
    const parts: Buffer[] = []
    let offset = this.#held.start
    for (const piece of this.#held.take(end)) {
      if (this.#splicer === undefined) parts.push(piece)
      else this.#splicer.splice(piece, offset, parts)
      offset += piece.length
    }
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    this.#out.write(encodeBodyReplacementOpening(answer.requestBody, mutation, bytes))
    for (const part of parts) this.#out.write(part)
  }
}

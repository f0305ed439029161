import type { Catalog } from '../catalog/catalog.ts'
import { admit, type Waiting } from '../request/admit.ts'
import type { DecodedBody } from '../request/bodies/inflate.ts'
import { decodeInTurn } from '../request/bodies/inflating.ts'
import { createReader } from '../request/bodies/parsers.ts'
import { spoofedHeaders } from '../request/control-headers.ts'
import { type ImmediateReply, type Refusal, refusalReply } from '../request/errors.ts'
import { checkHeaders, readFacts } from '../request/facts.ts'
import { Flight } from '../request/flight.ts'
import { InferenceRequest } from '../request/inference-request.ts'
import { MediaSearch } from '../request/media.ts'
import { pick } from '../request/pick.ts'
import { PromptText } from '../request/prompt-text.ts'
import {
  bodyTooLarge,
  invalidBody,
  modelGivenTwice,
  modelMissing,
  modelTooLate,
  overloaded,
} from '../request/refusals.ts'
import { contentLengthOf, reply } from '../request/reply.ts'
import { lacksStickyKey, mayRename, type Route, resolve } from '../request/resolve.ts'
import { type ModelSplicer, splicerOf } from '../request/rewrite.ts'
import { PromptHasher } from '../scheduling/prefix/prompt-hasher.ts'
import type { ConversationContext, ConversationStream, Routing } from './conversation-context.ts'
import { bodyMode, type ProcessingEvents, type ProtocolConfig } from './decode.ts'
import { answer, encodeAnswer, encodeImmediate, encodeTrailersAnswer, type Mutation, noMutation } from './encode.ts'
import type { HeaderValues } from './headers.ts'
import { RequestBody, type RequestMode, requestMode } from './request-body.ts'
import { ResponsePhase } from './response-phase.ts'
import { MalformedMessage } from './wire.ts'

/** What was decided for the request. */
type Decision = {
  readonly mutation: Mutation
  readonly splicer: ModelSplicer | undefined
  /** By how many bytes the body becomes longer, as the headers answer says it; undefined when it could not tell. */
  readonly lengthChange: number | undefined
}

/**
 * `reading` until the body has shown what the decision needs; `waiting` for a place in the queue or for a body that is being
 * inflated; then `decided`, or `closed` by an answer of our own. `overtaken` when Envoy answers from elsewhere before any of it.
 */
type State = 'reading' | 'waiting' | 'decided' | 'closed' | 'overtaken'

const continueRequestHeaders = encodeAnswer(answer.requestHeaders, noMutation)
const continueRequestTrailers = encodeTrailersAnswer(answer.requestTrailers)

/**
 * One ext_proc stream: the events of one HTTP exchange in, the answers out. Synchronous, but for the waits of
 * {@link State}. A stream may begin with any phase: what was not sent is taken as unknown.
 */
export class Conversation implements ProcessingEvents, Waiting {
  // At most 15: with a 16th private field V8 may make a dictionary of each instance, several times as slow (see BodyScanner).
  readonly #context: ConversationContext
  readonly #catalog: Catalog
  readonly #out: ConversationStream
  readonly #request: InferenceRequest
  #state: State = 'reading'
  #mode: RequestMode = 'duplex'
  #responseMode: number = bodyMode.fullDuplex
  #body: RequestBody
  #route: Route | undefined
  #decision: Decision | undefined
  #flight: Flight | undefined
  #response: ResponsePhase | undefined
  /** Ends what the conversation waits for. */
  #cancelWait: (() => void) | undefined
  /** What waits for the decision beside the answer to the headers. */
  #owed: 'nothing' | 'body' | 'trailers' | 'body and trailers' = 'nothing'

  constructor(context: ConversationContext, routing: Routing, poolHint: string | undefined, out: ConversationStream) {
    this.#context = context
    this.#catalog = routing.catalog
    this.#out = out
    this.#request = new InferenceRequest(routing.table, poolHint, context.trustsHints)
    this.#request.startedAtMs = context.clock.nowMs()
    this.#body = new RequestBody(this.#mode, out, context.heldMemory)
  }

  protocolConfig(config: ProtocolConfig): void {
    // Envoy says it once; who says it with each message must not lose what is held by then.
    if (this.#request.headers !== undefined || this.#request.bodyBytes > 0) return
    this.#mode = requestMode(config)
    this.#responseMode = config.responseBodyMode
    this.#body = new RequestBody(this.#mode, this.#out, this.#context.heldMemory)
  }

  subsetHint(endpoints: readonly string[]): void {
    // Envoy sends it with each message; an empty one after one with content is that of a later filter's state.
    if (this.#request.subset === undefined || endpoints.length > 0) this.#request.subset = endpoints
  }

  servedEndpoint(address: string): void {
    this.#flight?.servedBy(address)
  }

  requestHeaders(headers: HeaderValues, endOfStream: boolean): void {
    const request = this.#request
    if (request.headers !== undefined || this.#state !== 'reading' || request.bodyBytes > 0) {
      throw new MalformedMessage('request_headers that are not the first of their request')
    }
    const { limits, parsers } = this.#context
    request.headers = headers
    request.facts = readFacts(headers, endOfStream, parsers)
    request.hasEnded = endOfStream
    const own = this.#context.answerHere(request, this.#catalog)
    if (own !== undefined) {
      this.#context.observer.undecided?.(request, 'own answer', own.status)
      return this.#answerInstead(own)
    }
    const refusal = checkHeaders(request.facts, limits, this.#isStrict)
    if (refusal !== undefined) return this.#refuse(refusal)
    this.#openReader()
    switch (this.#mode) {
      case 'duplex':
      case 'streamed':
        if (request.reader === undefined) this.#decide()
        return
      case 'whole':
      case 'part':
        if (request.facts.body === 'none') this.#decide()
        else this.#passHeaders()
        return
      case 'late':
        if (request.facts.body !== 'none') this.#context.observer.unroutable()
        this.#decide()
        return
      case 'none':
        this.#decide()
    }
  }

  requestBody(piece: Buffer): void {
    if (this.#isOver) return
    const request = this.#request
    // What nobody reads any more must not go on, either.
    if (request.hasEnded && !this.#answersBody) throw new MalformedMessage('request_body after the end of the request')
    const offset = request.bodyBytes
    if (offset === 0 && request.headers === undefined) this.#openReader()
    const size = offset + piece.length
    if (size > this.#context.limits.maxBodyBytes && request.facts.body !== 'none' && this.#response === undefined) {
      return this.#refuse(bodyTooLarge(this.#context.limits, `${size} have arrived and there are more`))
    }
    request.bodyBytes = size
    if (!this.#inflates) {
      request.reader?.push(piece)
      if (this.#refuseInvalid() || this.#refuseLateDuplicate()) return
      request.readPrompt(piece, offset)
    }
    this.#body.add(piece)
    if (this.#state === 'decided') this.#flight?.bodyRead()
    else if (this.#state === 'reading' && !this.#answersBody) this.#decideWhenKnown()
    this.#refuseOverload()
  }

  requestBodyEnd(endOfStream: boolean): void {
    if (this.#isOver) return
    if (this.#answersBody) return this.#endWholeBody(endOfStream)
    if (endOfStream) this.#endRequest()
    if (!this.#isOver) this.#body.endMessage(endOfStream)
  }

  requestTrailers(): void {
    if (this.#isOver) return
    // Buffered, the body has had its message, if there is a body.
    if (!this.#answersBody || this.#state === 'reading') this.#endWithoutMessage()
    if (this.#isOver) return
    if (this.#state === 'decided') this.#out.write(continueRequestTrailers)
    else this.#owed = this.#owed === 'body' ? 'body and trailers' : 'trailers'
  }

  /** Envoy has nothing more to send. In streamed mode that is how a body with trailers ends. */
  halfClosed(): void {
    const isBodyEnd = this.#mode === 'streamed' && this.#response === undefined && this.#request.headers !== undefined
    if (isBodyEnd && !this.#isOver) this.#endWithoutMessage()
  }

  responseHeaders(headers: HeaderValues, endOfStream: boolean): void {
    if (this.#state === 'closed') return
    this.#openResponse().headers(headers, endOfStream)
    this.#endWithResponse()
  }

  responseBody(piece: Buffer): void {
    if (this.#state !== 'closed') this.#openResponse().body(piece)
  }

  responseBodyEnd(endOfStream: boolean): void {
    if (this.#state === 'closed') return
    this.#openResponse().bodyEnd(endOfStream)
    this.#endWithResponse()
  }

  responseTrailers(): void {
    if (this.#state === 'closed') return
    this.#openResponse().trailers()
    this.#endWithResponse()
  }

  /**
   * Nothing is under way that needs this stream: Envoy goes on by itself when the stream ends now. Not so while body bytes
   * are owed in full duplex, or may still have to be changed.
   */
  get isAtRest(): boolean {
    if (this.#state !== 'decided') return this.#isOver && !this.#response?.isOwed
    const mayChange = this.#mode === 'duplex' || (this.#mode === 'streamed' && this.#request.reader !== undefined)
    return (this.#request.hasEnded || !mayChange) && !this.#response?.isOwed
  }

  /** Whether it waits for something beside what Envoy sends next, so that the stream must not be ended yet. */
  get isWaiting(): boolean {
    return this.#state === 'waiting'
  }

  /** Bytes of the request body that are held. */
  get heldBytes(): number {
    return this.#body.heldBytes
  }

  /** The stream is ended from here, and Envoy goes on with the exchange: how that ends is not seen. */
  leave(): void {
    this.#request.seesEnd = false
  }

  /** The stream is gone, however it ended. To be called once, and nothing after it. */
  closed(): void {
    this.#cancelWait?.()
    this.#body.drop()
    if (this.#state === 'decided') return this.#end()
    // A stream without request headers tells of nothing.
    if (this.#state === 'closed' || this.#request.headers === undefined) return
    const by = this.#state === 'overtaken' ? 'other answer' : 'client'
    this.#context.observer.undecided?.(this.#request, by, this.#response?.status ?? Number.NaN)
  }

  /** Nothing more that comes of the request counts. */
  get #isOver(): boolean {
    return this.#state === 'closed' || this.#state === 'overtaken'
  }

  /** The decision is told in the answer to the body, as the headers have been passed before. */
  get #answersBody(): boolean {
    return this.#mode === 'whole' || this.#mode === 'part'
  }

  /** A request on an inference path must name a model, unless this is a pure body router, which never refuses. */
  get #isStrict(): boolean {
    return this.#catalog.pools.size > 0 && this.#request.facts.isInference
  }

  /** The body is read when it is complete and has been decoded, not as it comes. */
  get #inflates(): boolean {
    return this.#request.facts.body === 'compressed' && this.#request.reader !== undefined
  }

  #openReader(): void {
    const request = this.#request
    if (this.#mode === 'late' || this.#mode === 'none') return
    const { format, contentType, body } = request.facts
    if (body === 'none') return
    request.reader = createReader(format, contentType)
    if (request.reader === undefined) return
    const { readsPrompt, readsMedia } = this.#context.scheduling.scheduler
    // A form has no prompt that servers could share.
    if (readsPrompt && format !== 'multipart') request.prompt = new PromptHasher()
    if (readsMedia) request.media = new MediaSearch()
    if (this.#context.keepsPromptText && format !== 'multipart') request.promptText = new PromptText()
  }

  /** Decides as soon as the body has shown what the decision needs, or can't show it any more. */
  #decideWhenKnown(): void {
    const { reader } = this.#request
    if (this.#inflates) return this.#refuseOverheld()
    if (reader === undefined) return this.#decide()
    if (reader.error !== undefined) return this.#decide()
    // A call of the engine's own protocol names no model.
    if (reader.model !== undefined || this.#request.facts.format === 'engine-grpc') {
      if (reader.isComplete || reader.model === '') return this.#decide()
      const lacksKey = lacksStickyKey(this.#catalog, this.#request)
      const lacksLength = this.#context.keepsContentLength && mayRename(this.#catalog, this.#request)
      if (!(lacksKey || lacksLength || this.#awaitsPrompt())) return this.#decide()
    }
    this.#refuseOverheld()
  }

  /** Whether the decision shall wait for more of the prompt. Sets the timer that ends the wait. */
  #awaitsPrompt(): boolean {
    const { prompt, media, reader, bodyBytes } = this.#request
    const { maxAffinityBytes, maxAffinityWaitMs } = this.#context.limits
    if ((prompt === undefined && media === undefined) || reader!.promptEnd >= 0) return false
    if (reader!.promptStart >= 0 && bodyBytes - reader!.promptStart >= maxAffinityBytes) return false
    if (bodyBytes >= 2 * maxAffinityBytes) return false
    this.#cancelWait ??= this.#context.clock.after(maxAffinityWaitMs, () => {
      this.#out.run(() => {
        this.#decide()
        this.#catchUp()
      })
    })
    return true
  }

  /** More of the body than may be held has come before the decision could be made. */
  #refuseOverheld(): void {
    const { maxHeldBytes, streamedHoldBytes } = this.#context.limits
    const isStreamed = this.#mode === 'streamed' && streamedHoldBytes < maxHeldBytes
    const limit = isStreamed ? streamedHoldBytes : maxHeldBytes
    if (this.#request.bodyBytes < limit || this.#answersBody) return
    if (this.#request.reader?.model === undefined && this.#isStrict) {
      return this.#refuse(modelTooLate(limit, isStreamed ? 'streamed' : 'held'))
    }
    this.#decide()
  }

  /** All requests together hold so much that this one may not hold what it does. */
  #refuseOverload(): void {
    if (this.#context.heldMemory.allows(this.#body.memoryBytes) || this.#response !== undefined) return
    // A body router refuses nothing that can go on without its model.
    if (this.#isStrict || this.#state !== 'reading' || this.#answersBody) this.#refuse(overloaded())
    else this.#decide()
  }

  #endWithoutMessage(): void {
    this.#endRequest()
    if (!this.#isOver) this.#body.endWithoutMessage()
  }

  /** The body is complete: what it has not shown by now it does not have. */
  #endRequest(): void {
    const request = this.#request
    if (request.hasEnded) return
    request.hasEnded = true
    request.bodyEndedAtMs = this.#context.clock.nowMs()
    if (!this.#inflates) {
      request.reader?.end()
      if (this.#refuseInvalid()) return
    }
    if (this.#state === 'decided') this.#flight?.bodyRead()
    else if (this.#state === 'reading') {
      if (this.#inflates && request.bodyBytes > 0) this.#inflate()
      else this.#decide()
    }
  }

  /** Decodes the body that has come, then goes on as if it had come like that. */
  #inflate(): void {
    const request = this.#request
    this.#state = 'waiting'
    const { facts } = request
    const { maxBodyBytes } = this.#context.limits
    this.#cancelWait = decodeInTurn(this.#body.heldPieces, facts.encoding!, maxBodyBytes, (decoded) => {
      this.#out.run(() => this.#inflated(decoded))
    })
  }

  #inflated(decoded: DecodedBody | Refusal): void {
    this.#state = 'reading'
    this.#cancelWait = undefined
    // A body router refuses nothing: what it can't decode passes as it is.
    if ('code' in decoded && this.#isStrict) return this.#refuse(decoded)
    if ('pieces' in decoded) {
      this.#request.readDecoded(decoded.pieces)
      this.#body.holdDecoded(decoded.pieces)
    }
    if (this.#refuseInvalid()) return
    this.#decide()
    this.#catchUp()
    this.#refuseOverload()
  }

  /** A body that is not what it has to be is refused even after its decision, as long as nothing was answered. */
  #refuseInvalid(): boolean {
    const error = this.#request.reader?.error
    if (error === undefined || !this.#isStrict || this.#response !== undefined) return false
    this.#refuse(invalidBody(error))
    return true
  }

  /**
   * A duplicate that would make the body longer than the server has been told comes too late: what is over would be taken
   * for the next request. Refused in any case; Envoy cuts a response that has begun.
   */
  #refuseLateDuplicate(): boolean {
    const { splicer, lengthChange } = this.#decision ?? {}
    if (splicer === undefined || lengthChange === undefined || this.#request.facts.declaredBytes === undefined)
      return false
    if (splicer.lengthChange() === lengthChange) return false
    this.#refuse(modelGivenTwice())
    return true
  }

  /** resolve → admit, and {@link #go}, at once or when the queue lets it. */
  #decide(): void {
    this.#stopWaiting()
    const { scheduling, admission, rejectsUnknownModels, random } = this.#context
    const request = this.#request
    if (this.#lacksModel) return this.#refuse(modelMissing())
    const route = resolve(this.#catalog, request, rejectsUnknownModels, random)
    if ('code' in route) return this.#refuse(route)
    this.#route = route
    request.take(route)
    const admitted = admit(admission, scheduling, request, this, random)
    if (admitted === undefined) return this.#go()
    if ('code' in admitted) return this.#refuse(admitted)
    request.queuedAtMs = this.#context.clock.nowMs()
    this.#state = 'waiting'
    this.#cancelWait = () => admitted.cancel()
  }

  /** The queue lets the request through. */
  admitted(): void {
    let isGone = true
    this.#out.run(() => {
      isGone = false
      this.#cancelWait = undefined
      this.#go()
      this.#catchUp()
    })
    // The stream was reset and closes next: its place is free for the next one.
    if (isGone) this.#context.scheduling.released(this.#request.poolKey)
  }

  /** The queue does not let it through. */
  refused(refusal: Refusal): void {
    this.#out.run(() => {
      this.#cancelWait = undefined
      this.#refuse(refusal)
    })
  }

  /** pick → rewrite → reply, and the answer to the headers where it is still owed. */
  #go(): void {
    const { scheduling, random, clock } = this.#context
    const request = this.#request
    const route = this.#route!
    const scheduled = pick(scheduling, request, route, random)
    if ('code' in scheduled) {
      this.#refuse(scheduled)
      // Its place is free for the next one.
      return scheduling.released(request.poolKey)
    }
    this.#state = 'decided'
    request.decidedAtMs = clock.nowMs()
    request.heldBytes = request.bodyBytes
    request.seesEnd = this.#seesEnd
    if (scheduled.endpoints.length > 0) this.#flight = new Flight(scheduling, request, scheduled, request.seesEnd)
    const splicer = splicerOf(request, route)
    const isCompressed = this.#body.hasDecoded
    // A compressed body in which the model changes goes on as it was before it was compressed.
    if (isCompressed && splicer?.changesBefore(Number.POSITIVE_INFINITY)) {
      request.isSentDecoded = true
      this.#body.becomeDecoded()
    }
    const lengthChange = splicer && this.#lengthChangeOf(splicer)
    // An answer to the body sets the length itself, when it knows the body.
    const contentLength = this.#answersBody ? 'as sent' : contentLengthOf(request, lengthChange)
    this.#context.beginTrace?.(request)
    const mutation = reply(request, route, scheduled, contentLength, scheduling.hidesScores)
    this.#decision = { mutation, splicer, lengthChange }
    this.#context.observer.decided(request, route, this.#flight, request.heldBytes)
    const isToldWithBody = this.#answersBody && request.facts.body !== 'none'
    // Envoy takes no answer to headers that it has not sent.
    if (request.headers !== undefined && !isToldWithBody) {
      this.#out.write(encodeAnswer(answer.requestHeaders, mutation))
    }
    this.#body.release(isCompressed && !request.isSentDecoded ? undefined : splicer)
  }

  /** Sends what has become due while the request waited. */
  #catchUp(): void {
    if (this.#state !== 'decided') return
    const owed = this.#owed
    if (owed === 'body' || owed === 'body and trailers') this.#body.answerAtOnce(this.#decision!.mutation)
    else this.#body.catchUp()
    if (owed === 'trailers' || owed === 'body and trailers') this.#out.write(continueRequestTrailers)
  }

  #stopWaiting(): void {
    this.#cancelWait?.()
    this.#cancelWait = undefined
  }

  /** Envoy keeps the stream to the end of the answer when it has a body to show. It does so for trailers, too, but does not say so. */
  get #seesEnd(): boolean {
    return this.#responseMode !== bodyMode.none
  }

  get #lacksModel(): boolean {
    const { reader, model, facts } = this.#request
    return model === undefined && this.#isStrict && reader !== undefined && facts.needsModel
  }

  /** Undefined when a later duplicate of the model may still change the length. */
  #lengthChangeOf(splicer: ModelSplicer): number | undefined {
    const change = splicer.lengthChange()
    return this.#request.reader!.isComplete || (this.#context.keepsContentLength && change === 0) ? change : undefined
  }

  /** The end of the one body message, or of the part of the body that Envoy buffers. */
  #endWholeBody(endOfStream: boolean): void {
    if (this.#decision !== undefined) return this.#body.endMessage(endOfStream)
    const { reader, bodyBytes } = this.#request
    const isCut = this.#mode === 'part' && !endOfStream && reader?.isComplete === false
    if (isCut && this.#isStrict && reader.model === undefined) {
      return this.#refuse(modelTooLate(bodyBytes, 'envoy'))
    }
    if (isCut) this.#decide()
    else this.#endRequest()
    this.#owed = 'body'
    this.#catchUp()
  }

  /** Buffered modes: the headers go on; what a client must not set is taken from them. */
  #passHeaders(): void {
    const removeHeaders = spoofedHeaders(this.#request.headers!, [])
    this.#out.write(
      removeHeaders.length === 0
        ? continueRequestHeaders
        : encodeAnswer(answer.requestHeaders, { ...noMutation, removeHeaders, clearRouteCache: true }),
    )
  }

  #refuse(refusal: Refusal): void {
    this.#request.refusal = refusal
    this.#context.observer.refused(refusal.code, this.#request)
    this.#answerInstead(refusalReply(refusal))
  }

  /** Ends the exchange with an answer of our own. */
  #answerInstead(immediate: ImmediateReply): void {
    this.#stopWaiting()
    this.#end()
    this.#state = 'closed'
    this.#body.drop()
    this.#out.write(encodeImmediate(immediate))
  }

  #openResponse(): ResponsePhase {
    if (this.#response === undefined) {
      if (this.#state === 'reading' || this.#state === 'waiting') this.#overtake()
      this.#response = new ResponsePhase(this.#context.response, this.#responseMode, this.#flight, this.#out)
    }
    return this.#response
  }

  /** Envoy has got an answer from elsewhere, so that the request needs nothing any more. */
  #overtake(): void {
    this.#stopWaiting()
    this.#state = 'overtaken'
    this.#body.drop()
  }

  #endWithResponse(): void {
    if (this.#response!.isEnded) this.#end()
  }

  /** The exchange is over, or can't be seen any more: its endpoint is free for another. */
  #end(): void {
    if (this.#state !== 'decided' || this.#request.isOver) return
    this.#request.isOver = true
    this.#flight?.end(this.#response?.reader?.usage)
    this.#context.observer.ended(this.#request, this.#flight, this.#response)
  }
}

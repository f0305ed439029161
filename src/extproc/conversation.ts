import type { Catalog, StickyKey } from '../catalog/catalog.ts'
import type { Endpoint } from '../pool/endpoint.ts'
import { spoofedHeaders } from '../request/control-headers.ts'
import type { Refusal, RefusalCode } from '../request/errors.ts'
import { checkHeaders, type RequestFacts, readFacts, unknownFacts } from '../request/facts.ts'
import type { Limits } from '../request/limits.ts'
import { pick, type Scheduling } from '../request/pick.ts'
import { bodyTooLarge, invalidBody, modelGivenTwice, modelMissing, modelTooLate } from '../request/refusals.ts'
import { type Outcome, reply } from '../request/reply.ts'
import { type ModelRequest, mayRename, needsUser, type Route, resolve } from '../request/resolve.ts'
import { ModelSplicer } from '../request/rewrite.ts'
import { BodyScanner } from '../request/scan.ts'
import { bodyMode, type ProcessingEvents, type ProtocolConfig } from './decode.ts'
import { type ByteSink, DuplexBody } from './duplex-body.ts'
import { answer, encodeAnswer, encodeImmediate, encodeTrailersAnswer, type Mutation, noMutation } from './encode.ts'
import type { HeaderTable, HeaderValues } from './headers.ts'
import { RequestBody, type RequestMode, requestMode } from './request-body.ts'
import { MalformedMessage } from './wire.ts'

/** The snapshot that a conversation is decided by, from its first message to its last. */
export type Routing = {
  readonly catalog: Catalog
  /** Knows the headers that the catalog's rules read. */
  readonly table: HeaderTable
}

/** What a conversation needs from outside, the same for all. */
export type ConversationContext = {
  readonly limits: Limits
  readonly scheduling: Scheduling
  /** Answer 404 to models that no InferenceModel names, instead of leaving them to Envoy's routes. */
  readonly rejectsUnknownModels: boolean
  /** Envoy's filter has allow_content_length_header: a renamed body is held until its new length is known. */
  readonly keepsContentLength: boolean
  /** [0, 1) */
  readonly random: () => number
  readonly observer: ConversationObserver
}

/** Told of what operators count. */
export type ConversationObserver = {
  decided(model: string | undefined, route: Route): void
  refused(code: RefusalCode): void
  /** A body arrived in STREAMED mode without send_body_without_waiting_for_header_response: it can't be routed by. */
  unroutable(): void
}

/** What was decided for the request. */
type Decision = {
  readonly mutation: Mutation
  /** Endpoints picked, best first; the first counts the request as in flight. */
  readonly endpoints: readonly Endpoint[]
  readonly splicer: ModelSplicer | undefined
  /** By how many bytes the body becomes longer, as the headers answer says it; undefined when it could not tell. */
  readonly lengthChange: number | undefined
}

const continueResponseHeaders = encodeAnswer(answer.responseHeaders, noMutation)
const continueRequestHeaders = encodeAnswer(answer.requestHeaders, noMutation)
const continueResponseBody = encodeAnswer(answer.responseBody, noMutation)
const continueRequestTrailers = encodeTrailersAnswer(answer.requestTrailers)
const continueResponseTrailers = encodeTrailersAnswer(answer.responseTrailers)

/**
 * One ext_proc stream: the events of one HTTP exchange in, the answers out. Synchronous.
 * A stream may begin with any phase: what was not sent is taken as unknown.
 */
export class Conversation implements ProcessingEvents {
  // These are 15. With a 16th private field V8 may make a dictionary of each instance, several times as slow (see BodyScanner).
  readonly #context: ConversationContext
  readonly #routing: Routing
  readonly #poolHint: string | undefined
  readonly #out: ByteSink
  /** A request on an inference path must name a model, unless this is a pure body router, which never refuses. */
  readonly #hasPools: boolean

  #mode: RequestMode = 'duplex'
  #headers: HeaderValues | undefined
  #facts: RequestFacts = unknownFacts
  /** Reads the body; undefined once a body is known to be none of ours. */
  #scanner: BodyScanner | undefined = new BodyScanner()
  #body: RequestBody
  #decision: Decision | undefined
  #isRefused = false
  #requestEnded = false
  #responseBegun = false
  #responseEcho: DuplexBody | undefined

  constructor(context: ConversationContext, routing: Routing, poolHint: string | undefined, out: ByteSink) {
    this.#context = context
    this.#routing = routing
    this.#poolHint = poolHint
    this.#out = out
    this.#hasPools = routing.catalog.pools.size > 0
    this.#body = new RequestBody(this.#mode, out)
    this.#responseEcho = new DuplexBody(answer.responseBody, out)
  }

  protocolConfig(config: ProtocolConfig): void {
    this.#mode = requestMode(config)
    this.#body = new RequestBody(this.#mode, this.#out)
    if (this.#mode === 'late' || this.#mode === 'none') this.#scanner = undefined
    if (config.responseBodyMode !== bodyMode.fullDuplex) this.#responseEcho = undefined
  }

  requestHeaders(headers: HeaderValues, endOfStream: boolean): void {
    if (this.#headers !== undefined || this.#decision !== undefined || this.#isRefused) {
      throw new MalformedMessage('request_headers that are not the first of their request')
    }
    this.#headers = headers
    this.#requestEnded = endOfStream
    this.#facts = readFacts(headers, endOfStream)
    const refusal = checkHeaders(this.#facts, this.#context.limits, this.#isStrict)
    if (refusal !== undefined) return this.#refuse(refusal)
    if (this.#facts.body !== 'json') this.#scanner = undefined
    switch (this.#mode) {
      case 'duplex':
      case 'streamed':
        if (this.#scanner === undefined) this.#decide()
        return
      case 'whole':
      case 'part':
        if (this.#facts.body === 'none') this.#decide()
        else this.#passHeaders()
        return
      case 'late':
        if (this.#facts.body !== 'none') this.#context.observer.unroutable()
        this.#decide()
        return
      case 'none':
        this.#decide()
    }
  }

  requestBody(piece: Buffer): void {
    if (this.#isRefused) return
    const size = this.#body.bytes + piece.length
    if (size > this.#context.limits.maxBodyBytes && this.#facts.body !== 'none' && !this.#responseBegun) {
      return this.#refuse(bodyTooLarge(this.#context.limits, `${size} have arrived and there are more`))
    }
    this.#scanner?.push(piece)
    if (this.#refuseInvalid() || this.#refuseLateDuplicate()) return
    this.#body.add(piece)
    if (this.#decision === undefined && !this.#answersBody) this.#decideWhenKnown()
  }

  requestBodyEnd(endOfStream: boolean): void {
    if (this.#isRefused) return
    if (this.#answersBody) return this.#answerAtOnce(endOfStream)
    if (endOfStream) this.#endRequest()
    if (!this.#isRefused) this.#body.endMessage(endOfStream)
  }

  requestTrailers(): void {
    if (this.#isRefused) return
    if (!this.#answersBody) this.#endWithoutMessage()
    if (!this.#isRefused) this.#out.write(continueRequestTrailers)
  }

  /** Envoy has nothing more to send. In streamed mode that is how a body with trailers ends. */
  halfClosed(): void {
    if (this.#mode !== 'streamed' || this.#isRefused || this.#responseBegun || this.#headers === undefined) return
    this.#endWithoutMessage()
  }

  responseHeaders(): void {
    this.#responseBegun = true
    if (!this.#isRefused) this.#out.write(continueResponseHeaders)
  }

  responseBody(piece: Buffer): void {
    if (!this.#isRefused) this.#responseEcho?.add(piece)
  }

  responseBodyEnd(endOfStream: boolean): void {
    if (this.#isRefused) return
    if (this.#responseEcho !== undefined) this.#responseEcho.flush(endOfStream)
    else this.#out.write(continueResponseBody)
  }

  responseTrailers(): void {
    if (this.#isRefused) return
    this.#responseEcho?.flush(false)
    this.#out.write(continueResponseTrailers)
  }

  /**
   * Nothing is under way that needs this stream: Envoy goes on by itself when the stream ends now. Not so while body bytes
   * are owed in full duplex, or may still have to be changed.
   */
  get isAtRest(): boolean {
    if (this.#isRefused) return true
    const mayChange = this.#mode === 'duplex' || (this.#mode === 'streamed' && this.#scanner !== undefined)
    const isRequestDone = this.#decision !== undefined && (this.#requestEnded || !mayChange)
    return isRequestDone && !(this.#responseBegun && this.#responseEcho !== undefined)
  }

  /** The stream is gone, however it ended. To be called once, and nothing after it. */
  closed(): void {
    this.#body.drop()
    const endpoint = this.#decision?.endpoints[0]
    if (endpoint !== undefined) endpoint.inFlight--
  }

  /** The decision is told in the answer to the body, as the headers have been passed before. */
  get #answersBody(): boolean {
    return this.#mode === 'whole' || this.#mode === 'part'
  }

  get #isStrict(): boolean {
    return this.#hasPools && this.#facts.isInference
  }

  /** Decides as soon as the body has shown what the decision needs, or can't show it any more. */
  #decideWhenKnown(): void {
    const scanner = this.#scanner
    if (scanner === undefined || scanner.error !== undefined) return this.#decide()
    if (scanner.model !== undefined) {
      const { catalog } = this.#routing
      const lacksUser = scanner.user === undefined && needsUser(catalog, scanner.model)
      const lacksLength = this.#context.keepsContentLength && mayRename(catalog, scanner.model)
      if (scanner.isComplete || !(lacksUser || lacksLength)) return this.#decide()
    }
    const { maxHeldBytes, streamedHoldBytes } = this.#context.limits
    const isStreamed = this.#mode === 'streamed' && streamedHoldBytes < maxHeldBytes
    const limit = isStreamed ? streamedHoldBytes : maxHeldBytes
    if (this.#body.bytes < limit) return
    if (scanner.model === undefined && this.#isStrict) {
      return this.#refuse(modelTooLate(limit, isStreamed ? 'streamed' : 'held'))
    }
    this.#decide()
  }

  #endWithoutMessage(): void {
    this.#endRequest()
    if (!this.#isRefused) this.#body.endWithoutMessage()
  }

  /** The body is complete: what it has not shown by now it does not have. */
  #endRequest(): void {
    if (this.#requestEnded) return
    this.#requestEnded = true
    this.#scanner?.end()
    if (this.#refuseInvalid()) return
    if (this.#decision === undefined) this.#decide()
  }

  /** A body that is not the JSON it has to be is refused even after its decision, as long as nothing was answered. */
  #refuseInvalid(): boolean {
    const error = this.#scanner?.error
    if (error === undefined || !this.#isStrict || this.#responseBegun) return false
    this.#refuse(invalidBody(error))
    return true
  }

  /**
   * A duplicate that would make the body longer than the server has been told comes too late: what is over would be taken
   * for the next request. Refused in any case; Envoy cuts a response that has begun.
   */
  #refuseLateDuplicate(): boolean {
    const { splicer, lengthChange } = this.#decision ?? {}
    if (splicer === undefined || lengthChange === undefined || this.#facts.declaredBytes === undefined) return false
    if (splicer.lengthChange() === lengthChange) return false
    this.#refuse(modelGivenTwice())
    return true
  }

  /** resolve → pick → rewrite, and the answer to the headers where it is still owed. */
  #decide(): void {
    const { catalog } = this.#routing
    const model = this.#scanner?.model === '' ? undefined : this.#scanner?.model
    if (model === undefined && this.#isStrict && this.#scanner !== undefined) {
      return this.#refuse(modelMissing())
    }
    const route = resolve(catalog, this.#modelRequest(model), this.#context.rejectsUnknownModels, this.#context.random)
    if ('code' in route) return this.#refuse(route)
    const endpoints = pick(this.#context.scheduling, route, model, this.#context.random)
    if ('code' in endpoints) return this.#refuse(endpoints)

    if (endpoints.length > 0) endpoints[0].inFlight++
    const splicer = this.#splicerFor(model, route)
    const lengthChange = splicer && this.#lengthChangeOf(splicer)
    const contentLength = this.#contentLength(model, lengthChange)
    const mutation = reply({ model, route, endpoints, contentLength }, this.#headers)
    this.#decision = { mutation, endpoints, splicer, lengthChange }
    this.#context.observer.decided(model, route)
    const isToldWithBody = this.#answersBody && this.#facts.body !== 'none'
    // Envoy takes no answer to headers that it has not sent.
    if (this.#headers !== undefined && !isToldWithBody) {
      this.#out.write(encodeAnswer(answer.requestHeaders, mutation))
    }
    this.#body.release(splicer)
  }

  /** Undefined when a later duplicate of the model may still change the length. */
  #lengthChangeOf(splicer: ModelSplicer): number | undefined {
    const change = splicer.lengthChange()
    return this.#scanner!.isComplete || (this.#context.keepsContentLength && change === 0) ? change : undefined
  }

  #contentLength(model: string | undefined, lengthChange: number | undefined): Outcome['contentLength'] {
    const { declaredBytes } = this.#facts
    // An answer to the body sets the length itself, when it knows the body.
    if (model === undefined || declaredBytes === undefined || this.#answersBody || lengthChange === 0) return 'as sent'
    return lengthChange === undefined ? 'none' : declaredBytes + lengthChange
  }

  /** The one answer to a body that came as a whole, or to the part of it that Envoy buffers. */
  #answerAtOnce(endOfStream: boolean): void {
    if (this.#decision !== undefined) return this.#body.endMessage(endOfStream)
    const isCut = this.#mode === 'part' && !endOfStream && this.#scanner?.isComplete === false
    if (isCut && this.#isStrict && this.#scanner?.model === undefined) {
      return this.#refuse(modelTooLate(this.#body.bytes, 'envoy'))
    }
    if (isCut) this.#decide()
    else this.#endRequest()
    if (this.#isRefused) return
    this.#body.answerAtOnce(this.#decision!.mutation)
  }

  /** Buffered modes: the headers go on; what a client must not set is taken from them. */
  #passHeaders(): void {
    const removeHeaders = spoofedHeaders(this.#headers!, [])
    this.#out.write(
      removeHeaders.length === 0
        ? continueRequestHeaders
        : encodeAnswer(answer.requestHeaders, { ...noMutation, removeHeaders, clearRouteCache: true }),
    )
  }

  #refuse(refusal: Refusal): void {
    this.#isRefused = true
    this.#body.drop()
    this.#context.observer.refused(refusal.code)
    this.#out.write(encodeImmediate(refusal))
  }

  #modelRequest(model: string | undefined): ModelRequest {
    return {
      model,
      poolHint: this.#poolHint,
      stickyValue: (key: StickyKey) =>
        key.kind === 'user' ? this.#scanner?.user : this.#headers?.[this.#routing.table.slotOf(key.name)],
    }
  }

  #splicerFor(model: string | undefined, { target }: Route): ModelSplicer | undefined {
    if (model === undefined) return undefined
    const keepsFirst = target === undefined || target.name === model
    const literal = target?.literal ?? Buffer.from(JSON.stringify(model))
    return new ModelSplicer(this.#scanner!, literal, keepsFirst)
  }
}

import type { Catalog } from '../catalog/catalog.ts'
import type { Clock } from '../clock.ts'
import type { Admission } from '../request/admit.ts'
import type { ParserSet } from '../request/bodies/parsers.ts'
import type { ImmediateReply, RefusalCode } from '../request/errors.ts'
import type { Flight } from '../request/flight.ts'
import type { InferenceRequest } from '../request/inference-request.ts'
import type { Limits } from '../request/limits.ts'
import type { Scheduling } from '../request/pick.ts'
import type { Route } from '../request/resolve.ts'
import type { ByteSink } from './duplex-body.ts'
import type { HeaderTable } from './headers.ts'
import type { HeldMemory } from './held-memory.ts'
import type { ResponseContext, ResponsePhase } from './response-phase.ts'

/** The snapshot that a conversation is decided by, from its first message to its last. */
export type Routing = {
  readonly catalog: Catalog
  /** Knows the headers that the catalog's rules and the plugins read. */
  readonly table: HeaderTable
}

/** What a conversation needs from outside, the same for all. */
export type ConversationContext = {
  readonly limits: Limits
  /** Of all conversations together. */
  readonly heldMemory: HeldMemory
  readonly clock: Clock
  /** Which bodies are read, and how. */
  readonly parsers: ParserSet
  readonly scheduling: Scheduling
  readonly admission: Admission
  readonly response: ResponseContext
  /** Answer 404 to models that no InferenceModel names, instead of leaving them to Envoy's routes. */
  readonly rejectsUnknownModels: boolean
  /** Envoy's filter has allow_content_length_header: a renamed body is held until its new length is known. */
  readonly keepsContentLength: boolean
  /** Headers by which clients ask for an objective, a model or a fairness id count. */
  readonly trustsHints: boolean
  /** Answers a request that needs no model server, such as one for the list of models; undefined for all others. */
  answerHere(request: InferenceRequest, catalog: Catalog): ImmediateReply | undefined
  /** [0, 1) */
  readonly random: () => number
  readonly observer: ConversationObserver
  /** Gives a request its place in a trace, before its headers go on; undefined where nothing is traced. */
  readonly beginTrace?: ((request: InferenceRequest) => void) | undefined
  /** The leading part of prompts is kept for traces. */
  readonly keepsPromptText?: boolean
}

/** Told of what operators count. */
export type ConversationObserver = {
  /** `heldBytes` of the body had to wait for it. */
  decided(request: InferenceRequest, route: Route, flight: Flight | undefined, heldBytes: number): void
  refused(code: RefusalCode, request: InferenceRequest): void
  /** A body arrived in STREAMED mode without send_body_without_waiting_for_header_response: it can't be routed by. */
  unroutable(): void
  /** The exchange is over, or can't be seen any more. After {@link decided}, once. */
  ended(request: InferenceRequest, flight: Flight | undefined, response: ResponsePhase | undefined): void
  /**
   * The exchange is over without a decision or a refusal, by an answer of our own that needs no server, by Envoy's or another
   * filter's answer, or because the client left. Once. `status` is NaN where there was no answer.
   */
  undecided?(request: InferenceRequest, by: 'own answer' | 'other answer' | 'client', status: number): void
}

/** The stream that the conversation is held on. */
export type ConversationStream = ByteSink & {
  /** Runs what the conversation does by itself and not in an event: a failure ends this stream alone. */
  run(step: () => void): void
}

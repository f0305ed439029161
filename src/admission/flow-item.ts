import type { Flow } from './flow.ts'
import type { Rejection } from './rejection.ts'

/** What flow control needs to know of a request. */
export type FlowItemFacts = {
  /** Higher ones first. */
  readonly priority: number
  /** Requests of one priority that share it are one flow. */
  readonly fairnessId: string
  /** What its body counts for in the limits of bytes. */
  readonly bytes: number
  /** How long it may wait, where the request itself says so; 0 is no limit. */
  readonly ttlMs: number | undefined
  /** The time to first token that the client asks for. */
  readonly sloTtftMs: number | undefined
  /** When the request came, milliseconds of the controller's clock. */
  readonly receivedAtMs: number
}

/**
 * A request that asks to be let through. The caller owns it and extends it; the fields below the facts belong to the
 * controller and save it a node for each queue that the request stands in.
 */
export abstract class FlowItem {
  readonly priority: number
  readonly fairnessId: string
  readonly bytes: number
  readonly ttlMs: number | undefined
  readonly sloTtftMs: number | undefined
  readonly receivedAtMs: number

  /** The flow that it waits in. */
  flow: Flow | undefined = undefined
  /** Smaller ones first among the requests of its band; equal ones by `sequence`. */
  orderKey = 0
  /** Grows from request to request. */
  sequence = 0
  enqueuedAtMs = 0
  /** When its wait has to be looked at, milliseconds. */
  expiresAtMs = Number.POSITIVE_INFINITY
  queueIndex = -1
  expiryIndex = -1

  constructor(facts: FlowItemFacts) {
    this.priority = facts.priority
    this.fairnessId = facts.fairnessId
    this.bytes = facts.bytes
    this.ttlMs = facts.ttlMs
    this.sloTtftMs = facts.sloTtftMs
    this.receivedAtMs = facts.receivedAtMs
  }

  /** It may go on, now: called once, in the call that made it so. It counts as in flight when this returns. */
  abstract onAdmitted(): void
  /** It has waited in vain: called once, instead of {@link onAdmitted}. */
  abstract onRejected(rejection: Rejection): void
}

import type { Clock } from '../clock.ts'
import type { Band } from './band.ts'
import { Bands } from './bands.ts'
import { budgetsOf } from './budget.ts'
import { DispatchRate } from './dispatch-rate.ts'
import { Expiry } from './expiry.ts'
import type { FlowItem } from './flow-item.ts'
import type { FlowControlOptions } from './options.ts'
import { orderKeyOf } from './ordering.ts'
import { type DropReason, type Rejection, rejection, type WaitFailure } from './rejection.ts'
import { ceilingOf } from './usage-limit.ts'

/** The pool whose requests are controlled. */
export type ControlledPool = {
  /** How full it is, now: 1 is full. Read anew after each request that is let through. */
  saturation(): number
  hasEndpoints(): boolean
}

/** What is told of each request, for metrics. Waits are in milliseconds, 0 where there was none. */
export type FlowObserver = {
  enqueued(item: FlowItem): void
  dispatched(item: FlowItem, waitMs: number): void
  rejected(item: FlowItem, reason: WaitFailure, waitMs: number): void
}

export type FlowControllerContext = {
  readonly pool: ControlledPool
  readonly clock: Clock
  readonly observer: FlowObserver
}

/** What waits of one flow. */
export type FlowSize = {
  readonly priority: number
  readonly fairnessId: string
  readonly requests: number
  readonly bytes: number
}

/** Output tokens cost a server about twice what input tokens do, as the reference counts them. */
const outputTokenWeight = 2

/**
 * Lets the requests of one pool through as far as it has capacity, and lets the others wait: higher priorities first, flows
 * of one priority in the turn of its fairness policy, requests of a flow in the order of its ordering policy. It acts only
 * when it is called, or when the time of a request has run out.
 *
 * While the first request in turn may not go, nothing below it may, even if it could: capacity that is left goes to the most
 * important request that waits.
 */
export class FlowController {
  readonly #options: FlowControlOptions
  readonly #pool: ControlledPool
  readonly #clock: Clock
  readonly #observer: FlowObserver
  readonly #bands: Bands
  readonly #expiry: Expiry
  readonly #rate = new DispatchRate()
  #requests = 0
  #bytes = 0
  #offered = 0
  /** Calls of {@link release} that have not been acted on. */
  #releases = 0
  #isDispatching = false
  #isClosed = false

  constructor(options: FlowControlOptions, { pool, clock, observer }: FlowControllerContext) {
    this.#options = options
    this.#pool = pool
    this.#clock = clock
    this.#observer = observer
    this.#bands = new Bands(options)
    this.#expiry = new Expiry(clock, (item) => this.#runOut(item))
  }

  /** Requests that wait. */
  get requests(): number {
    return this.#requests
  }

  /** Bytes of the bodies of the requests that wait. */
  get bytes(): number {
    return this.#bytes
  }

  *flows(): Generator<FlowSize> {
    for (const band of this.#bands.list) yield* band.flows.values()
  }

  /**
   * A request asks to be let through. Where it has to wait, one of its methods is called later, unless it is cancelled; where
   * not, neither is.
   */
  offer(item: FlowItem): 'admitted' | 'waiting' | Rejection {
    const nowMs = this.#clock.nowMs()
    if (this.#isClosed) return this.#refuse(item, 'rejected-shutting-down', 1, isShuttingDown)
    this.#bands.forgetIdle(nowMs)
    const index = this.#bands.indexOf(item.priority, nowMs)
    const waitsAhead = this.#requests > 0 && this.#bands.waitingUpTo(index) > 0
    if (!waitsAhead && this.#isOpen(index, this.#pool.saturation())) {
      this.#rate.admitted(nowMs)
      this.#observer.dispatched(item, 0)
      return 'admitted'
    }
    const band = this.#bands.list[index]
    const full = this.#whatIsFull(band, item.bytes)
    if (full !== undefined) {
      const reason = this.#pool.hasEndpoints() ? 'rejected-saturated' : 'rejected-no-endpoints'
      return this.#refuse(item, reason, this.#retryAfterSeconds(index, nowMs), full)
    }
    this.#enqueue(item, band, nowMs)
    return 'waiting'
  }

  /** What {@link offer} would answer now, with the pool so full. Changes nothing, and tells nobody. */
  ask(item: Pick<FlowItem, 'priority' | 'bytes'>, saturation: number): 'admitted' | 'waiting' | Rejection {
    const nowMs = this.#clock.nowMs()
    if (this.#isClosed) return rejection('rejected-shutting-down', 1, isShuttingDown)
    const { list, index } = this.#bands.asIf(item.priority, nowMs)
    const waiting = list.slice(0, index + 1).reduce((sum, { requests }) => sum + requests, 0)
    const { usageLimit } = this.#options
    // A ceiling may count its turns in what it is given.
    const turns = list.map((band) => ({ priority: band.priority, turns: band.turns }))
    const isOpen = this.#pool.hasEndpoints() && saturation < ceilingOf(usageLimit, turns, index, saturation)
    if (waiting === 0 && isOpen) return 'admitted'
    const full = this.#whatIsFull(list[index], item.bytes)
    if (full === undefined) return 'waiting'
    const reason = this.#pool.hasEndpoints() ? 'rejected-saturated' : 'rejected-no-endpoints'
    return rejection(reason, this.#rate.retryAfterSeconds(waiting, nowMs), full)
  }

  /** The client has gone away. Does nothing to a request that does not wait any more. */
  cancel(item: FlowItem): void {
    if (item.flow === undefined) return
    this.#drop(item)
    this.#expiry.remove(item)
    this.#observer.rejected(item, 'rejected-context-cancelled', this.#clock.nowMs() - item.enqueuedAtMs)
  }

  /**
   * There may be capacity: a request has ended and does not count any more, a scrape has come, or an endpoint. Lets at least one request through if it
   * may go. More follow only while saturation rises with each: then it counts requests as they go, and will stop at the
   * ceiling. A saturation that stays where it was comes from the last scrape, and would let all of them through at once.
   */
  release(): void {
    if (this.#requests === 0) return
    this.#releases += 1
    // A request that ends as soon as it is let through calls from within: a loop, where recursion would go as deep as the queue.
    if (this.#isDispatching) return
    this.#isDispatching = true
    try {
      while (this.#releases > 0) {
        this.#releases -= 1
        this.#dispatch()
      }
    } finally {
      this.#isDispatching = false
      this.#releases = 0
    }
  }

  /** A request of the flow has ended and has cost this many tokens. */
  spent(priority: number, fairnessId: string, promptTokens: number, completionTokens: number): void {
    const tokens = promptTokens + outputTokenWeight * completionTokens
    this.#bands.addService(priority, fairnessId, tokens, this.#clock.nowMs())
  }

  /** Rejects all requests that wait, and those that come from now on. */
  close(): void {
    this.#isClosed = true
    for (const band of this.#bands.list) {
      for (const flow of band.flows.values()) {
        while (flow.requests > 0) {
          const item = flow.head
          this.#drop(item)
          this.#expiry.remove(item)
          this.#reject(item, 'rejected-shutting-down', 1, isShuttingDown)
        }
      }
    }
  }

  #isOpen(index: number, saturation: number): boolean {
    if (!this.#pool.hasEndpoints()) return false
    return saturation < ceilingOf(this.#options.usageLimit, this.#bands.list, index, saturation)
  }

  #dispatch(): void {
    let saturation = this.#pool.saturation()
    while (this.#dispatchOne(saturation)) {
      const after = this.#pool.saturation()
      if (!(after > saturation)) return
      saturation = after
    }
  }

  #dispatchOne(saturation: number): boolean {
    const index = this.#bands.firstWaiting()
    if (index === -1 || !this.#isOpen(index, saturation)) return false
    const nowMs = this.#clock.nowMs()
    const item = this.#bands.list[index].take(nowMs)
    this.#requests -= 1
    this.#bytes -= item.bytes
    this.#expiry.remove(item)
    this.#rate.admitted(nowMs)
    this.#observer.dispatched(item, nowMs - item.enqueuedAtMs)
    item.onAdmitted()
    return true
  }

  #enqueue(item: FlowItem, band: Band, nowMs: number): void {
    const { withEndpointsMs, withoutEndpointsMs } = budgetsOf(this.#options, item.ttlMs)
    item.enqueuedAtMs = nowMs
    item.sequence = this.#offered += 1
    item.orderKey = orderKeyOf(band.plan.ordering, item, withEndpointsMs)
    item.expiresAtMs = nowMs + Math.min(withEndpointsMs, withoutEndpointsMs)
    band.add(item)
    this.#requests += 1
    this.#bytes += item.bytes
    this.#expiry.add(item)
    this.#observer.enqueued(item)
  }

  /**
   * The shorter of a request's two budgets has run out, or both. Which one counts is what the pool has at that moment: a
   * request that has waited for a first endpoint that long is not given up because it has come meanwhile.
   */
  #runOut(item: FlowItem): void {
    const nowMs = this.#clock.nowMs()
    const hasEndpoints = this.#pool.hasEndpoints()
    const budgets = budgetsOf(this.#options, item.ttlMs)
    const endsAtMs = item.enqueuedAtMs + (hasEndpoints ? budgets.withEndpointsMs : budgets.withoutEndpointsMs)
    if (endsAtMs > nowMs) {
      item.expiresAtMs = endsAtMs
      this.#expiry.add(item)
      return
    }
    this.#drop(item)
    const waited = `within ${Number(((nowMs - item.enqueuedAtMs) / 1000).toFixed(1))} s`
    const retryAfterSeconds = this.#retryAfterSeconds(this.#bands.indexOf(item.priority, nowMs), nowMs)
    if (hasEndpoints) {
      const message = `no model server had capacity for this request ${waited}`
      this.#reject(item, 'rejected-ttl-expired', retryAfterSeconds, message)
    } else {
      this.#reject(item, 'rejected-no-endpoints', retryAfterSeconds, `the pool got no model server ${waited}`)
    }
  }

  /** Takes a request that waits out of its flow. */
  #drop(item: FlowItem): void {
    item.flow?.band.drop(item, item.flow)
    this.#requests -= 1
    this.#bytes -= item.bytes
  }

  #whatIsFull(band: Band, bytes: number): string | undefined {
    const { maxRequests, maxBytes } = this.#options
    if (this.#requests >= (maxRequests ?? Number.POSITIVE_INFINITY)) {
      return `${this.#requests} requests are waiting already, as many as may`
    }
    if (this.#bytes + bytes > (maxBytes ?? Number.POSITIVE_INFINITY)) {
      return `requests with ${this.#bytes} bytes are waiting already, and ${maxBytes} bytes may`
    }
    return band.whatIsFull(bytes)
  }

  #retryAfterSeconds(index: number, nowMs: number): number {
    return this.#rate.retryAfterSeconds(this.#bands.waitingUpTo(index), nowMs)
  }

  #refuse(item: FlowItem, reason: DropReason, retryAfterSeconds: number, message: string): Rejection {
    this.#observer.rejected(item, reason, 0)
    return rejection(reason, retryAfterSeconds, message)
  }

  #reject(item: FlowItem, reason: DropReason, retryAfterSeconds: number, message: string): void {
    this.#observer.rejected(item, reason, this.#clock.nowMs() - item.enqueuedAtMs)
    item.onRejected(rejection(reason, retryAfterSeconds, message))
  }
}

const isShuttingDown = 'the endpoint picker is shutting down'

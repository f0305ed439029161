import { AttainedService } from './fairness/attained-service.ts'
import type { Fairness } from './fairness/fairness.ts'
import { GlobalStrict } from './fairness/global-strict.ts'
import { LeastService } from './fairness/least-service.ts'
import { RoundRobin } from './fairness/round-robin.ts'
import { Flow } from './flow.ts'
import type { FlowItem } from './flow-item.ts'
import type { BandOptions, OrderingOptions } from './options.ts'

/** What bands of the same options share. */
export type BandPlan = {
  readonly maxRequests: number
  readonly maxBytes: number
  readonly ordering: OrderingOptions
  /** Outlives the bands, so that what a flow has had is remembered while nothing of it waits. */
  readonly service: AttainedService | undefined
  newFairness(): Fairness
}

/** @param services by the parameters of their policies: bands that name the same policy count together */
export function bandPlan(
  { maxBytes, maxRequests, fairness, ordering }: BandOptions,
  services: Map<object, AttainedService>,
): BandPlan {
  let service = services.get(fairness.parameters)
  if (fairness.type === 'program-aware-fairness' && service === undefined) {
    service = new AttainedService(fairness.parameters)
    services.set(fairness.parameters, service)
  }
  return {
    maxRequests: maxRequests ?? Number.POSITIVE_INFINITY,
    maxBytes: maxBytes ?? Number.POSITIVE_INFINITY,
    ordering,
    service,
    newFairness() {
      switch (fairness.type) {
        case 'global-strict-fairness-policy':
          return new GlobalStrict()
        case 'round-robin-fairness-policy':
          return new RoundRobin()
        case 'program-aware-fairness':
          return new LeastService(fairness.parameters, service as AttainedService)
      }
    },
  }
}

/** The requests of one priority that wait. */
export class Band {
  readonly priority: number
  readonly plan: BandPlan
  /** Named by the configuration: there even while nothing uses it. */
  readonly isConfigured: boolean
  requests = 0
  bytes = 0
  usedAtMs = 0
  /** How often it was asked for while its ceiling goes up and down. */
  turns = 0
  /** By fairness id: those in which something waits. */
  readonly flows = new Map<string, Flow>()
  readonly #fairness: Fairness

  constructor(priority: number, plan: BandPlan, isConfigured: boolean) {
    this.priority = priority
    this.plan = plan
    this.isConfigured = isConfigured
    this.#fairness = plan.newFairness()
  }

  /** What keeps a request of so many bytes from waiting here, for people; undefined when nothing does. */
  whatIsFull(bytes: number): string | undefined {
    const { maxRequests, maxBytes } = this.plan
    const of = `of priority ${this.priority}`
    if (this.requests >= maxRequests) return `${this.requests} requests ${of} are waiting already, as many as may`
    if (this.bytes + bytes <= maxBytes) return undefined
    return `requests ${of} with ${this.bytes} bytes are waiting already, and ${maxBytes} bytes may`
  }

  add(item: FlowItem): void {
    this.requests += 1
    this.bytes += item.bytes
    const present = this.flows.get(item.fairnessId)
    if (present !== undefined) {
      present.add(item)
      if (present.head === item) this.#fairness.headChanged(present)
      return
    }
    const flow = new Flow(this, item.fairnessId)
    flow.add(item)
    this.flows.set(item.fairnessId, flow)
    this.#fairness.joined(flow)
  }

  /** Takes out the request whose turn it is; only called while something waits. */
  take(nowMs: number): FlowItem {
    const flow = this.#fairness.next(nowMs)
    const item = flow.head
    this.#remove(item, flow)
    if (flow.requests > 0) this.#fairness.served(flow)
    return item
  }

  /** Takes out a request that was not served. */
  drop(item: FlowItem, flow: Flow): void {
    const wasHead = flow.head === item
    this.#remove(item, flow)
    if (wasHead && flow.requests > 0) this.#fairness.headChanged(flow)
  }

  #remove(item: FlowItem, flow: Flow): void {
    this.requests -= 1
    this.bytes -= item.bytes
    flow.remove(item)
    if (flow.requests > 0) return
    this.flows.delete(flow.fairnessId)
    this.#fairness.left(flow)
  }
}

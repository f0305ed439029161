import { type Endpoint, unknownMetrics } from '../../../src/pool/endpoint.ts'
import type { SchedulingRequest, Usage } from '../../../src/scheduling/plugin.ts'
import { PromptHasher } from '../../../src/scheduling/prefix/prompt-hasher.ts'
import { schedulingRequest } from '../endpoints.ts'
import { type ServerModel, SimulatedServer } from './simulated-server.ts'
import type { Arrival } from './traces.ts'

/** What routes the requests of one gateway replica. It sees only the endpoints, and what it routed itself. */
export type Policy = {
  route(request: SchedulingRequest, candidates: readonly Endpoint[], arrival: Arrival): Endpoint
  ended(request: SchedulingRequest, endpoint: Endpoint, usage: Usage | undefined): void
}

export type FleetOptions = {
  readonly servers: number
  readonly model: ServerModel
  /** Makes the policy of a replica; requests go to the replicas in turn. */
  readonly policies: readonly Policy[]
  readonly trace: readonly Arrival[]
  /** Responses tell how many tokens came from the cache. */
  readonly tellsUsage: boolean
}

export type Outcome = {
  /** Share of all prompt tokens that came from a cache. */
  readonly hitRatio: number
  readonly meanMs: number
  readonly p99Ms: number
  /** Mean time from arrival to the last token. */
  readonly meanTotalMs: number
}

/** As often as the reference reads the metrics of each server. */
const scrapeEveryMs = 50

/** The first part of a trace fills the caches and isn't counted. */
const warmUpShare = 0.25

type Event = { readonly atMs: number; readonly order: number; run(): void }

/** Plays a trace against simulated servers in virtual time. The same options give the same outcome. */
export function playFleet(options: FleetOptions): Outcome {
  const events = new EventQueue()
  let nowMs = 0
  const after = (delayMs: number, run: () => void) => events.push(nowMs + delayMs, run)
  const servers = Array.from({ length: options.servers }, () => new SimulatedServer(options.model, () => nowMs, after))
  const replicas = options.policies.map((policy) => ({ policy, endpoints: servers.map((_, i) => endpointAt(i)) }))
  const last = options.trace.at(-1)!.atMs
  const firstCountedMs = last * warmUpShare
  const firstTokens: number[] = []
  const totals: number[] = []
  let cached = 0
  let prompted = 0

  for (const [i, server] of servers.entries()) {
    const scrape = () => {
      const metrics = server.metrics(nowMs)
      for (const { endpoints } of replicas) endpoints[i].metrics = metrics
      if (nowMs < last) after(scrapeEveryMs, scrape)
    }
    events.push((scrapeEveryMs * i) / servers.length, scrape)
  }
  for (const [i, arrival] of options.trace.entries()) {
    events.push(arrival.atMs, () => {
      const { policy, endpoints } = replicas[i % replicas.length]
      const request = requestOf(arrival)
      const endpoint = policy.route(request, endpoints, arrival)
      endpoint.inFlight += 1
      endpoint.inFlightTokens += arrival.promptTokens
      servers[endpoints.indexOf(endpoint)].take(arrival, {
        firstToken(cachedTokens) {
          if (arrival.atMs < firstCountedMs) return
          firstTokens.push(nowMs - arrival.atMs)
          cached += cachedTokens
          prompted += arrival.promptTokens
        },
        ended(cachedTokens) {
          endpoint.inFlight -= 1
          endpoint.inFlightTokens -= arrival.promptTokens
          if (arrival.atMs >= firstCountedMs) totals.push(nowMs - arrival.atMs)
          policy.ended(request, endpoint, options.tellsUsage ? usageOf(arrival, cachedTokens) : undefined)
        },
      })
    })
  }
  for (let event = events.pop(); event !== undefined; event = events.pop()) {
    nowMs = event.atMs
    event.run()
  }
  firstTokens.sort((a, b) => a - b)
  return {
    hitRatio: cached / prompted,
    meanMs: mean(firstTokens),
    p99Ms: firstTokens[Math.floor(firstTokens.length * 0.99)],
    meanTotalMs: mean(totals),
  }
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function endpointAt(i: number): Endpoint {
  return {
    address: `10.0.0.${i + 1}:8000`,
    name: `server-${i}`,
    namespace: 'default',
    labels: {},
    metrics: unknownMetrics,
    isReachable: true,
    inFlight: 0,
    endsUnseen: false,
    inFlightTokens: 0,
  }
}

function requestOf(arrival: Arrival): SchedulingRequest {
  const prompt = new PromptHasher()
  for (const { bytes } of arrival.segments) prompt.push(bytes, 0, bytes.length)
  return schedulingRequest({
    targetModel: arrival.adapter ?? 'base',
    promptBytes: arrival.segments.reduce((sum, { bytes }) => sum + bytes.length, 0),
    prompt,
  })
}

function usageOf({ promptTokens, outputTokens }: Arrival, cachedTokens: number): Usage {
  return { promptTokens, completionTokens: outputTokens, cachedTokens, totalTokens: promptTokens + outputTokens }
}

/** A binary heap by time, then by order of arrival. */
class EventQueue {
  readonly #heap: Event[] = []
  #order = 0

  push(atMs: number, run: () => void): void {
    const heap = this.#heap
    heap.push({ atMs, order: this.#order++, run })
    let at = heap.length - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(heap[at], heap[parent])) return
      ;[heap[at], heap[parent]] = [heap[parent], heap[at]]
      at = parent
    }
  }

  pop(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (heap.length === 0 || last === undefined) return first
    heap[0] = last
    for (let at = 0; ; ) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isBefore(heap[child], heap[least])) least = child
      }
      if (least === at) return first
      ;[heap[at], heap[least]] = [heap[least], heap[at]]
      at = least
    }
  }
}

const isBefore = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

import type { Flow } from '../flow.ts'
import type { AttainedService, LeastServiceParameters } from './attained-service.ts'
import type { Fairness } from './fairness.ts'

/**
 * Serves the flow with the best sum of two scores: how little service it has attained, and how long its head waits, each
 * stretched over what the flows have. Both stretches change with every flow, so there is no order to keep: each choice
 * goes through the flows once, and costs time in proportion to them.
 */
export class LeastService implements Fairness {
  readonly #flows: Flow[] = []
  readonly #service: AttainedService
  readonly #serviceWeight: number
  readonly #waitWeight: number

  constructor({ lasWeightService, lasWeightHeadWait }: LeastServiceParameters, service: AttainedService) {
    this.#service = service
    this.#serviceWeight = lasWeightService
    this.#waitWeight = lasWeightHeadWait
  }

  joined(flow: Flow): void {
    flow.index = this.#flows.length
    this.#flows.push(flow)
  }

  headChanged(): void {}

  served(): void {}

  left(flow: Flow): void {
    const last = this.#flows.pop() as Flow
    if (last !== flow) {
      last.index = flow.index
      this.#flows[flow.index] = last
    }
    flow.index = -1
  }

  next(nowMs: number): Flow {
    let leastService = Number.POSITIVE_INFINITY
    let mostService = 0
    let leastWaitMs = Number.POSITIVE_INFINITY
    let mostWaitMs = 0
    for (const flow of this.#flows) {
      flow.service = this.#service.of(flow.fairnessId, nowMs)
      const waitMs = nowMs - flow.head.enqueuedAtMs
      leastService = Math.min(leastService, flow.service)
      mostService = Math.max(mostService, flow.service)
      leastWaitMs = Math.min(leastWaitMs, waitMs)
      mostWaitMs = Math.max(mostWaitMs, waitMs)
    }
    let best = this.#flows[0]
    let bestScore = Number.NEGATIVE_INFINITY
    for (const flow of this.#flows) {
      const waitMs = nowMs - flow.head.enqueuedAtMs
      const score =
        this.#serviceWeight * (1 - stretched(flow.service, leastService, mostService)) +
        this.#waitWeight * stretched(waitMs, leastWaitMs, mostWaitMs)
      if (score > bestScore || (score === bestScore && flow.head.sequence < best.head.sequence)) {
        best = flow
        bestScore = score
      }
    }
    return best
  }
}

/** Where `value` lies between the least and the most, from 0 to 1; 0 where all are the same. */
function stretched(value: number, least: number, most: number): number {
  return most > least ? (value - least) / (most - least) : 0
}

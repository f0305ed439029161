import type { ResponsePhase } from '../extproc/response-phase.ts'
import { statusOf } from '../request/errors.ts'
import type { Flight } from '../request/flight.ts'
import type { InferenceRequest } from '../request/inference-request.ts'
import type { ExchangeObserver } from './observers.ts'
import { type Outcome, outcomeOf, undecidedOutcome } from './outcome.ts'

/** A request whose exchange is over. */
export type Ended = {
  readonly request: InferenceRequest
  readonly flight: Flight | undefined
  readonly response: ResponsePhase | undefined
  readonly outcome: Outcome
  /** Of the answer that the client got; NaN where there was none, or it was not shown. */
  readonly status: number
  readonly endedAtMs: number
}

/** Tells of each exchange once, when it is over, however that came. */
export function observeEnds(nowMs: () => number, told: (ended: Ended) => void): ExchangeObserver {
  return {
    refused(code, request) {
      // One that was decided before has its end still before it, or behind it.
      if (!Number.isNaN(request.decidedAtMs)) return
      told({
        request,
        flight: undefined,
        response: undefined,
        outcome: 'refused',
        status: statusOf(code),
        endedAtMs: nowMs(),
      })
    },
    ended(request, flight, response) {
      const { refusal } = request
      const status = refusal === undefined ? (response?.status ?? Number.NaN) : refusal.status
      const outcome = outcomeOf(request, response)
      const endedAtMs = response === undefined || Number.isNaN(response.endedAtMs) ? nowMs() : response.endedAtMs
      told({ request, flight, response, outcome, status, endedAtMs })
    },
    undecided(request, _by, status) {
      const outcome = undecidedOutcome(status)
      told({ request, flight: undefined, response: undefined, outcome, status, endedAtMs: nowMs() })
    },
  }
}

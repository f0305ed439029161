import type { Catalog } from '../catalog/catalog.ts'
import type { Clock } from '../clock.ts'
import type { ConversationObserver } from '../extproc/conversation-context.ts'
import type { Flight } from '../request/flight.ts'
import type { InferenceRequest } from '../request/inference-request.ts'
import { reply } from '../request/reply.ts'
import type { Route } from '../request/resolve.ts'
import { nothingScheduled, type SchedulingRequest } from '../scheduling/plugin.ts'
import type { Scheduler } from '../scheduling/scheduler.ts'
import { describe } from './describe.ts'
import type { ExplainedProfile, Explanation } from './explanation.ts'
import { ProfileRecorder } from './recorder.ts'
import type { TrialGround } from './trial.ts'

/** Decisions that are kept. */
export const maxRecent = 50
/** Decisions, and as many refusals, that all processes together tell each second. */
const maxTold = 5
const secondMs = 1_000
/** Endpoints of a decision that are kept: those that were picked, and the next best. */
const maxEndpoints = 20

/** The last decisions, the newest first. */
export class RecentDecisions {
  #list: readonly Explanation[] = []

  get list(): readonly Explanation[] {
    return this.#list
  }

  add(explanation: Explanation): void {
    this.#list = [explanation, ...this.#list.slice(0, maxRecent - 1)]
  }
}

/** So many of something each second. */
class Allowance {
  readonly #most: number
  #left = 0
  #sinceMs = Number.NEGATIVE_INFINITY

  constructor(most: number) {
    this.#most = most
  }

  /** Whether there is one left. */
  has(nowMs: number): boolean {
    if (nowMs - this.#sinceMs >= secondMs) {
      this.#sinceMs = nowMs
      this.#left = this.#most
    }
    return this.#left > 0
  }

  take(): void {
    this.#left -= 1
  }
}

/** What decisions are told by, beside what the observer is given. */
export type DecisionWitness = Pick<TrialGround, 'endpointsOf'> & {
  readonly clock: Clock
  /** Processes that serve. */
  readonly processes: number
  /** Epoch milliseconds. */
  readonly dateMs: () => number
  readonly trustsHints: boolean
  /** See reply(). */
  readonly hidesScores: boolean
  readonly catalog: () => Catalog
  readonly saturation: Scheduler['saturation']
  tell(explanation: Explanation): void
}

/**
 * Tells some of the decisions that are made, in full: a few each second, and refusals as many. All others cost a look at a
 * clock.
 */
export class DecisionTeller {
  readonly recorder = new ProfileRecorder()
  readonly #witness: DecisionWitness
  readonly #decisions: Allowance
  readonly #refusals: Allowance
  /** Whose profiles the recorder has. */
  #recorded: SchedulingRequest | undefined
  #profiles: readonly ExplainedProfile[] = []

  constructor(witness: DecisionWitness) {
    this.#witness = witness
    const most = Math.ceil(maxTold / witness.processes)
    this.#decisions = new Allowance(most)
    this.#refusals = new Allowance(most)
  }

  /** The same scheduler; what it does for a request that will be told is recorded. Its profiles are of {@link recorder}. */
  watched(scheduler: Scheduler): Scheduler {
    return {
      ...scheduler,
      schedule: (request, candidates, random) => {
        if (!this.#decisions.has(this.#witness.clock.nowMs())) return scheduler.schedule(request, candidates, random)
        this.recorder.begin()
        try {
          return scheduler.schedule(request, candidates, random)
        } finally {
          this.#recorded = request
          this.#profiles = this.recorder.end()
        }
      },
    }
  }

  readonly observer: Pick<ConversationObserver, 'decided' | 'refused'> = {
    decided: (request, route, flight) => {
      if (!this.#decisions.has(this.#witness.clock.nowMs())) return
      // One that was scheduled before this second had room, or has nothing to be scheduled for.
      if (flight !== undefined && this.#recorded !== request) return
      this.#decisions.take()
      this.#tell(request, flight, route)
    },
    refused: (_code, request) => {
      if (!this.#refusals.has(this.#witness.clock.nowMs())) return
      this.#refusals.take()
      this.#tell(request, undefined, request.route)
    },
  }

  #tell(request: InferenceRequest, flight: Flight | undefined, route: Route | undefined): void {
    const { clock, dateMs, trustsHints, hidesScores, catalog, endpointsOf, saturation, tell } = this.#witness
    const { refusal } = request
    const profiles = this.#recorded === request ? this.#profiles : []
    this.#recorded = undefined
    this.#profiles = []
    const told =
      refusal !== undefined
        ? { answer: { status: refusal.status, message: refusal.message, details: `signalbox_${refusal.code}` } }
        : { sent: sentBy(request, route!, flight, hidesScores) }
    const explanation = describe(
      { request, scheduled: flight?.scheduled, admission: undefined, profiles, told },
      { catalog: catalog(), trustsHints, endpointsOf, saturation, nowMs: clock.nowMs(), dateMs: dateMs() },
    )
    tell({ ...explanation, endpoints: explanation.endpoints.slice(0, maxEndpoints), profiles: profiles.map(shortened) })
  }
}

/** The headers without the length of the body, of which only the conversation knows. */
function sentBy(request: InferenceRequest, route: Route, flight: Flight | undefined, hidesScores: boolean) {
  const { setHeaders, removeHeaders, clearRouteCache, metadata } = reply(
    request,
    route,
    flight?.scheduled ?? nothingScheduled,
    'as sent',
    hidesScores,
  )
  const set = setHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, setHeaders[i + 1]] as const] : []))
  const sent = { set, removed: removeHeaders, clearsRoute: clearRouteCache }
  return metadata === undefined ? sent : { ...sent, metadata }
}

/** The best of what was scored, so that a decision among thousands of endpoints is not kept as a whole. */
function shortened(profile: ExplainedProfile): ExplainedProfile {
  const { scored, totals, scorers, candidates, filters } = profile
  if (candidates.length <= maxEndpoints) return profile
  const best = [...scored.keys()].sort((a, b) => totals[b] - totals[a]).slice(0, maxEndpoints)
  return {
    ...profile,
    candidates: best.map((i) => scored[i]),
    filters: filters.map(({ plugin, removed }) => ({ plugin, removed: removed.slice(0, maxEndpoints) })),
    scored: best.map((i) => scored[i]),
    scorers: scorers.map((each) => ({ ...each, scores: best.map((i) => each.scores[i]) })),
    totals: best.map((i) => totals[i]),
  }
}

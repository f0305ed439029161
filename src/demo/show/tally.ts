import type { JournalEntry } from '../../sim/journal.ts'
import type { Sim } from '../../sim/sim.ts'
import type { FleetCounts, Outcome, Window } from '../scenarios/measures.ts'
import { type ScenarioRequest, userHeader } from '../scenarios/scenario.ts'

const nothing: FleetCounts = { promptTokens: 0, cachedTokens: 0, adapterLoads: 0, usersOf: new Map() }

/** What is seen of one side: by its clients, and at its servers. */
export class Tally {
  /** In the order of sending. */
  readonly #outcomes: Outcome[] = []
  /** In the order of ending. */
  readonly #ended: Outcome[] = []
  readonly #samples: { readonly atMs: number; readonly counts: FleetCounts }[] = []
  readonly #usersOf = new Map<string, Set<string>>()

  send(request: ScenarioRequest): Outcome {
    const outcome: Outcome = { request, state: 'waiting', firstTokenMs: undefined, endedMs: Number.NaN }
    this.#outcomes.push(outcome)
    return outcome
  }

  end(outcome: Outcome, state: Exclude<Outcome['state'], 'waiting'>, atMs: number): void {
    outcome.state = state
    outcome.endedMs = atMs
    this.#ended.push(outcome)
  }

  /** A server of this side has answered a request. */
  served({ model, headers }: JournalEntry): void {
    const user = headers[userHeader]
    if (model === undefined || user === undefined) return
    const users = this.#usersOf.get(model) ?? new Set()
    this.#usersOf.set(model, users.add(user))
  }

  /** Notes what the servers have counted by now. */
  sample(servers: readonly Sim[], atMs: number): void {
    const metrics = servers.map((server) => server.metrics())
    const sum = (key: 'promptTokens' | 'cachedTokens' | 'adapterLoads') =>
      metrics.reduce((total, each) => total + each[key], 0)
    this.#samples.push({
      atMs,
      counts: {
        promptTokens: sum('promptTokens'),
        cachedTokens: sum('cachedTokens'),
        adapterLoads: sum('adapterLoads'),
        usersOf: new Map([...this.#usersOf].map(([model, users]) => [model, users.size])),
      },
    })
  }

  /** What ended in a stretch of time. */
  endedWithin(fromMs: number, untilMs: number): Window {
    let first = this.#ended.length
    while (first > 0 && this.#ended[first - 1].endedMs > fromMs) first -= 1
    return { ...this.#counts(fromMs, untilMs), outcomes: this.#ended.slice(first) }
  }

  /** What was due in a stretch of time, as it stands at its end. */
  dueWithin(fromMs: number, untilMs: number): Window {
    const outcomes = this.#outcomes.filter(({ request }) => request.atMs >= fromMs)
    return { ...this.#counts(fromMs, untilMs), outcomes }
  }

  #counts(fromMs: number, untilMs: number): Omit<Window, 'outcomes'> {
    const before = this.#samples.findLast(({ atMs }) => atMs <= fromMs)?.counts ?? nothing
    return { untilMs, before, after: this.#samples.at(-1)?.counts ?? nothing }
  }
}

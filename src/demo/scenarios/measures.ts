import type { Unit } from '../scenario-feed.ts'
import { percentile } from '../table.ts'
import type { ScenarioRequest } from './scenario.ts'

/** How a request fares. */
export type Outcome = {
  readonly request: ScenarioRequest
  /** `refused`: 429; `failed`: any other answer that is not a whole stream of tokens. */
  state: 'waiting' | 'answered' | 'refused' | 'failed'
  /** From when it was due to its first token. */
  firstTokenMs: number | undefined
  /** When it was answered, refused or had failed, since the start. */
  endedMs: number
}

/** What the servers of a side have counted since the start. */
export type FleetCounts = {
  readonly promptTokens: number
  /** Of those, what came from a cache. */
  readonly cachedTokens: number
  readonly adapterLoads: number
  /** Users whose requests came to the servers, by the model that the servers saw. */
  readonly usersOf: ReadonlyMap<string, number>
}

/** A stretch of time on one side. */
export type Window = {
  readonly outcomes: readonly Outcome[]
  /** Its end, since the start. */
  readonly untilMs: number
  readonly before: FleetCounts
  readonly after: FleetCounts
}

/** One number of a window; null where there is nothing to measure. */
export type Measure = { readonly name: string; readonly unit: Unit; readonly of: (window: Window) => number | null }

/** One that waits for longer counts with the time that it has waited: its answer can only come later. */
const longWaitMs = 1000

/** Times to the first token. */
function firstTokensMs({ outcomes, untilMs }: Window, group: string | undefined): number[] {
  const times: number[] = []
  for (const { request, state, firstTokenMs } of outcomes) {
    if (group !== undefined && request.group !== group) continue
    const waitedMs = untilMs - request.atMs
    if (state === 'answered' && firstTokenMs !== undefined) times.push(firstTokenMs)
    else if (state === 'waiting' && waitedMs > longWaitMs) times.push(firstTokenMs ?? waitedMs)
  }
  return times
}

/** The time to the first token that so many per cent of the requests did not exceed. */
export function firstToken(percent: 50 | 90 | 99, group?: string): Measure {
  return {
    name: `${group === undefined ? '' : `${group} `}TTFT p${percent}`,
    unit: 'ms',
    of(window) {
      const times = firstTokensMs(window, group)
      return times.length === 0 ? null : percentile(times, percent / 100)
    },
  }
}

/** The share of requests that ended in a state. */
export function share(name: string, state: Outcome['state'], group?: string): Measure {
  return {
    name,
    unit: '%',
    of({ outcomes }) {
      const all = outcomes.filter(({ request }) => group === undefined || request.group === group)
      return all.length === 0 ? null : (100 * all.filter((each) => each.state === state).length) / all.length
    },
  }
}

/** How many requests ended in a state. */
export function count(name: string, state: Outcome['state'], group?: string): Measure {
  return {
    name,
    unit: '',
    of: ({ outcomes }) =>
      outcomes.filter((each) => each.state === state && (group === undefined || each.request.group === group)).length,
  }
}

export const fromCache: Measure = {
  name: 'prompt from a cache',
  unit: '%',
  of({ before, after }) {
    const prompts = after.promptTokens - before.promptTokens
    return prompts === 0 ? null : (100 * (after.cachedTokens - before.cachedTokens)) / prompts
  },
}

export const adapterLoads: Measure = {
  name: 'adapters loaded',
  unit: '',
  of: ({ before, after }) => after.adapterLoads - before.adapterLoads,
}

export const failed = count('requests that failed', 'failed')

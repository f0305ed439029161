/**
 * What `GET /scenario` of a demo answers, as JSON: a scenario as far as it has run. The page shows it as a panel, the terminal as a
 * plot. Two sides get the same requests at the same times; the first is always Signalbox.
 */
export type ScenarioFeed = {
  /** As `--scenario` names it, e.g. `prefix`. */
  readonly name: string
  readonly title: string
  /** What is shown and against what, in sentences for people. */
  readonly says: string
  /** Names of the two sides, Signalbox first. */
  readonly sides: readonly [string, string]
  /** How long it takes in all, seconds. */
  readonly lengthS: number
  readonly phase: 'warming up' | 'running' | 'over'
  /** The x axis of all series: seconds since the start, rising. At most {@link maxFeedPoints}. */
  readonly timesS: readonly number[]
  /** What to plot, the most important one first. */
  readonly series: readonly ScenarioSeries[]
  /** What happened when, e.g. a server that stalled. */
  readonly events: readonly ScenarioEvent[]
  readonly measured: ScenarioMeasured
  /** What has been measured so far, a row each. */
  readonly summary: readonly ScenarioFigure[]
  /** Only when it is over, and was not ended early. */
  readonly verdict: ScenarioVerdict | null
}

/** A line for each side, over {@link ScenarioFeed.timesS}; null where there was nothing to measure. */
export type ScenarioSeries = {
  /** E.g. `time to first token, p90`. */
  readonly name: string
  readonly unit: Unit
  readonly points: readonly [readonly (number | null)[], readonly (number | null)[]]
}

export type ScenarioEvent = { readonly atS: number; readonly text: string }

/** What the summary rests on. */
export type ScenarioMeasured = {
  /** Requests that were due in the seconds before do not count: caches fill. */
  readonly fromS: number
  /** To each side. */
  readonly requests: number
  /** Share of all cores that was busy, 0 to 1: with much of it, times are the machine's and not the servers'. */
  readonly machineBusy: number
}

export type ScenarioFigure = {
  readonly name: string
  readonly unit: Unit
  /** For each side; null where there is nothing to measure. */
  readonly values: readonly [number | null, number | null]
}

export type ScenarioVerdict = {
  /** Whether the measurement shows what the scenario promises. */
  readonly isKept: boolean
  /** One sentence with the figures that it rests on. */
  readonly text: string
}

/** `%`: 0 to 100. The empty one is a count. */
export type Unit = 'ms' | '%' | '/s' | ''

/** A point a second, for the longest run there may be. */
export const maxFeedPoints = 600

/** What the admin page is told: plain JSON, the same for every viewer. Types alone, for the server and for the page. */

/** One value for each field of {@link sampleFields}, in their order; null where nothing is known, such as a quantile of no answers. */
export type SampleRow = readonly (number | null)[]

/** What is kept of every second, for the plots. Rates are per second. */
export const sampleFields = [
  'sent',
  'shed',
  'refused',
  'serverErrors',
  'ttftP50Seconds',
  'ttftP90Seconds',
  'outputTokens',
  'waiting',
  'queuedAtServers',
  'kvUsage',
  'inFlight',
  'prefixHitShare',
] as const
export type SampleField = (typeof sampleFields)[number]

/** The last minutes, oldest first. All lists are parallel to {@link timesMs}. */
export type HistoryFeed = {
  /** Milliseconds since 1970. */
  readonly timesMs: readonly number[]
  readonly fields: Readonly<Record<SampleField, SampleRow>>
  /** Of the endpoints that were busiest when a place was free. */
  readonly endpoints: readonly EndpointHistory[]
}

export type EndpointHistory = {
  readonly address: string
  readonly name: string
  /** Requests sent there, per second. */
  readonly picks: SampleRow
  /** 0 to 1. */
  readonly kvUsage: SampleRow
  readonly queued: SampleRow
}

/** The state of one second. */
export type StateFeed = {
  /** Milliseconds since 1970. */
  readonly timeMs: number
  readonly version: string
  /** Seconds since Signalbox was started. */
  readonly uptimeSeconds: number
  readonly viewers: number
  readonly sample: SampleRow
  /** What has become of requests since the start, by result as metrics count it. */
  readonly results: Readonly<Record<string, number>>
  /** Parallel to those of {@link HistoryFeed}; the page follows when the addresses are others. */
  readonly sampled: readonly { readonly address: string; readonly name: string; readonly row: SampleRow }[]
  readonly pools: Listed<PoolFeed>
  readonly endpoints: Listed<EndpointFeed>
  readonly models: Listed<ModelFeed>
  readonly problems: Listed<ProblemFeed>
  /** The newest first. */
  readonly decisions: readonly DecisionFeed[]
}

/** The first of many: the busiest, or those that a search has found. */
export type Listed<T> = { readonly total: number; readonly shown: readonly T[] }

export type PoolFeed = {
  /** `namespace/name`. */
  readonly key: string
  /** How full it is: 1 is full; null when nothing says so. */
  readonly saturation: number | null
  readonly endpoints: number
  /** Of them, those that answer scrapes. */
  readonly reachable: number
  readonly inFlight: number
  /** Requests that wait in Signalbox's queue, by priority, the highest first. */
  readonly waiting: readonly { readonly priority: number; readonly requests: number }[]
  /** Averages over the endpoints. */
  readonly queued: number
  readonly running: number
  /** 0 to 1. */
  readonly kvUsage: number
}

export type EndpointFeed = {
  readonly pool: string
  readonly address: string
  readonly name: string
  readonly isReachable: boolean
  /** Of its metrics, milliseconds; null before the first scrape that found any. */
  readonly ageMs: number | null
  readonly queued: number
  readonly running: number
  /** 0 to 1. */
  readonly kvUsage: number
  readonly adapters: readonly string[]
  /** 0 when the server says nothing of adapters. */
  readonly maxAdapters: number
  readonly inFlight: number
  /** Requests sent there, per second. */
  readonly picks: number
}

export type ModelFeed = {
  readonly name: string
  readonly pool: string
  /** The resource in words for people. */
  readonly source: string
  readonly priority: number | null
  readonly stickyBy: string | null
  readonly targets: readonly TargetFeed[]
  readonly rollout: RolloutFeed | null
  /** Requests and errors of it in all pools, per second. */
  readonly requests: number
  readonly errors: number
}

export type TargetFeed = {
  readonly name: string
  /** Of the requests that the rule divides, 0 to 1. */
  readonly share: number
  /** What the model's requests for it are in fact, per second. */
  readonly requests: number
}

export type RolloutFeed = {
  readonly target: string
  readonly weightPercent: number
  readonly phase: string
  readonly message: string
  /** Of the plan, per cent; empty while it can't be read. */
  readonly steps: readonly number[]
  /** Index of the step that holds. */
  readonly step: number | null
}

export type ProblemFeed = {
  readonly severity: 'error' | 'warning'
  readonly place: string
  readonly path: string
  readonly message: string
}

/** The list of the last decisions: GET /state/decision?id=… has the whole of one. */
export type DecisionFeed = {
  readonly id: number
  readonly at: string
  readonly outcome: string
  readonly summary: string
  readonly model: string | null
  readonly target: string | null
  readonly endpoint: string | null
  /** What the client gets in place of the answer of a model server. */
  readonly status: number | null
}

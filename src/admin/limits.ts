/** Limits of the HTTP server on the metrics port, all in one place. */

/** A connection without a request is kept for so long: longer than scrapers pause, who would else meet one that is being closed. */
export const keepAliveMs = 75_000

/** Browsers that look at the same time. */
export const maxViewers = 32

/** States in a row that a browser takes nothing of before its stream is ended. */
export const maxMissedStates = 30

/** Between two states, milliseconds. */
export const stateIntervalMs = 1_000

/** States that are kept for the plots: five minutes. */
export const historyLength = 300

/** Endpoints of which each second is kept. */
export const maxSampledEndpoints = 16

/** Counts by model are read so rarely, in states: of 10,000 models they are a megabyte. */
export const statesPerModelCount = 10

/** Rows that a table of a state has, the busiest, and that a search finds. */
export const maxShown = { pools: 50, endpoints: 50, models: 50, problems: 50, search: 100 } as const

/** Adapters of an endpoint that are named. */
export const maxAdaptersShown = 20

/** Characters of a search. */
export const maxSearchChars = 256

/** Body of POST /explain. */
export const maxExplainBytes = 4 * 1024 * 1024

/** A token of the Kubernetes API, or of `--metrics-token-file`, characters. */
export const maxTokenChars = 16_384

/** What the cluster has said of a token holds for so long, milliseconds. */
export const reviewTtlMs = { allowed: 60_000, refused: 10_000 } as const

/** Answers of the cluster that are remembered; the oldest go first. */
export const maxRememberedReviews = 1_000

/** Questions to the cluster at a time; who comes then is told to come again. */
export const maxReviewsAtOnce = 8

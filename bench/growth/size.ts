/** How large a cluster is. */
export type Size = {
  readonly pools: number
  /** Of each pool. */
  readonly endpoints: number
  /** Names that clients may ask for. */
  readonly models: number
}

/** What was found in a cluster of some size. */
export type Measured<Sample> = { readonly size: Size; readonly sample: Sample }

export const poolCounts = [1, 10, 100]
export const endpointCounts = [10, 100, 1_000]
export const modelCounts = [10, 10_000]

export const smallest: Size = { pools: poolCounts[0], endpoints: endpointCounts[0], models: modelCounts[0] }
export const largest: Size = {
  pools: poolCounts.at(-1)!,
  endpoints: endpointCounts.at(-1)!,
  models: modelCounts.at(-1)!,
}

export const allSizes: readonly Size[] = poolCounts.flatMap((pools) =>
  endpointCounts.flatMap((endpoints) => modelCounts.map((models) => ({ pools, endpoints, models }))),
)

export const inWords = ({ pools, endpoints, models }: Size): string => {
  const number = (count: number) => count.toLocaleString('en-US')
  return `${number(pools)} × ${number(endpoints)} endpoints, ${number(models)} models`
}

/**
 * How many times as long something may take with `to` things as with `from` and still be O(log n): as many times as a balanced
 * tree of them is deeper.
 */
export const logarithmicGrowth = (from: number, to: number): number => (1 + Math.log2(to)) / (1 + Math.log2(from))

/** Where changes are measured: each count alone, and all at once. */
export const changedSizes: readonly Size[] = [
  smallest,
  { ...smallest, endpoints: largest.endpoints },
  { ...smallest, pools: largest.pools },
  { ...smallest, models: largest.models },
  { ...largest, models: smallest.models },
  largest,
]

/**
 * Where signalbox is left alone. 100,000 endpoints would say nothing more, as no more of them are scraped a second than of 10,000, and
 * take minutes until all have been scraped.
 */
export const idleSizes: readonly Size[] = [
  smallest,
  { pools: 1, endpoints: 100, models: 10 },
  { pools: 1, endpoints: 1_000, models: 10 },
  { pools: 100, endpoints: 10, models: 10 },
  { pools: 1, endpoints: 10, models: 10_000 },
  { pools: 1, endpoints: 1_000, models: 10_000 },
  { pools: 10, endpoints: 1_000, models: 10 },
  { pools: 10, endpoints: 1_000, models: 10_000 },
]

/** So many of them, the last ones, take a minute each: that long it is until a fleet of 10,000 is scraped for the second time. */
export const lastingIdleSizes = 2

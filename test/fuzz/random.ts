/** Numbers that look random and are the same for the same seed, so that a failure can be run again. */
export type Random = {
  /** 0 ≤ n < `bound`, an integer. */
  below(bound: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
}

/** @param seed 32 bits (mulberry32) */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (bound: number) => Math.floor(next() * bound)
  return {
    below,
    chance: (probability) => next() < probability,
    pick: (items) => items[below(items.length)],
  }
}

/** How many cases each property is tried with. A long hunt: `FUZZ_RUNS=100000 npx vitest run --project unit test/extproc`. */
export const fuzzRuns = Number(process.env.FUZZ_RUNS ?? 300)

/** Of one property. Far more than it takes, so that a busy machine fails nothing. */
export const fuzzTimeoutMs = 30_000 + 20 * fuzzRuns

/** Draws from [0, 1). */
export type Random = () => number

/**
 * The random numbers of one request (mulberry32). Each request has a sequence of its own, made of the server's seed and the
 * request's number, so that requests under way at the same time can't change each other's draws.
 */
export function seededRandom(seed: number, requestNumber: number): Random {
  let state = (seed + Math.imul(requestNumber, 0x9e3779b1)) | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

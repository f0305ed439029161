import type { Random } from './random.ts'

/** How long a server takes. All times in milliseconds. */
export type Latency = {
  /** Time to the first token of an empty prompt on an idle server. */
  readonly ttftMs: number
  /** Time between two tokens on an idle server. */
  readonly itlMs: number
  /** What each prompt token that is not in the cache adds to the time to the first token. */
  readonly promptTokenMs: number
  /** What an adapter takes to load; the requests that wait for it begin after that. */
  readonly adapterLoadMs: number
  /** Every time varies evenly by up to this share of itself, 0 to 1. */
  readonly jitter: number
  /** A full server is this many times slower than an idle one, linear in between; at least 1. */
  readonly loadFactor: number
}

/** Orders of magnitude of served models on their usual hardware; not measurements of a product. */
export const latencyProfiles = {
  instant: { ttftMs: 0, itlMs: 0, promptTokenMs: 0, adapterLoadMs: 0, jitter: 0, loadFactor: 1 },
  '8b-h100': { ttftMs: 50, itlMs: 12, promptTokenMs: 0.04, adapterLoadMs: 0, jitter: 0.2, loadFactor: 1.5 },
  '70b-h100': { ttftMs: 140, itlMs: 20, promptTokenMs: 0.08, adapterLoadMs: 0, jitter: 0.2, loadFactor: 1.5 },
} as const satisfies Record<string, Latency>

export type LatencyProfile = keyof typeof latencyProfiles
export const latencyProfileNames = Object.keys(latencyProfiles) as LatencyProfile[]

/**
 * @param promptTokens those that are not in the cache
 * @param load how full the server is, 0 (nothing else runs) to 1 (all it can run at once)
 */
export function firstTokenDelayMs(latency: Latency, promptTokens: number, load: number, random: Random): number {
  return vary(latency.ttftMs + promptTokens * latency.promptTokenMs, latency, load, random)
}

/** @param load how full the server is, 0 to 1. */
export function nextTokenDelayMs(latency: Latency, load: number, random: Random): number {
  return vary(latency.itlMs, latency, load, random)
}

function vary(idleMs: number, { jitter, loadFactor }: Latency, load: number, random: Random): number {
  if (idleMs === 0) return 0
  const loadedMs = idleMs * (1 + (loadFactor - 1) * load)
  return jitter === 0 ? loadedMs : loadedMs * (1 + jitter * (2 * random() - 1))
}

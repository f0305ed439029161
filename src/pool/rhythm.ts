/** How often the endpoints of one kind are scraped: each once an interval, at one of its beats, which are evenly apart. */
export type Rhythm = { readonly intervalMs: number; readonly beats: number }

/**
 * @param intervalMs grows where it would mean more than `maxPerSecond` scrapes
 * @param perBeat endpoints that share a beat, about
 */
export function rhythm(endpoints: number, intervalMs: number, maxPerSecond: number, perBeat: number): Rhythm {
  return {
    intervalMs: Math.max(intervalMs, (endpoints * 1_000) / maxPerSecond),
    beats: Math.max(1, Math.ceil(endpoints / perBeat)),
  }
}

/**
 * The first time after `sinceMs` at which an endpoint's beat comes. Its `phase`, 0 to 1, says which beat is its own, so
 * endpoints stay spread whatever becomes of the interval, and a beat that was missed is left out, not made up for.
 */
export function nextBeatMs({ intervalMs, beats }: Rhythm, phase: number, sinceMs: number): number {
  const offsetMs = (Math.floor(phase * beats) / beats) * intervalMs
  return (Math.floor((sinceMs - offsetMs) / intervalMs) + 1) * intervalMs + offsetMs
}

/** Phases of any number of endpoints that fill the interval evenly, each found without knowing the others to come. */
export function phaseOf(ordinal: number): number {
  const goldenRatio = 0.618033988749895
  return (ordinal * goldenRatio) % 1
}

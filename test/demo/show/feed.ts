import type { ScenarioFeed } from '../../../src/demo/scenario-feed.ts'

/** A scenario that is over, with what is given in place of its parts. */
export function feedWith(parts: Partial<ScenarioFeed> = {}): ScenarioFeed {
  const timesS = Array.from({ length: 21 }, (_, i) => i)
  return {
    name: 'prefix',
    title: 'Shared prompts go where they are cached',
    says: 'Chats begin with one of 24 long system prompts. Signalbox sends each to a server that has it.',
    sides: ['Signalbox', 'round robin'],
    lengthS: 20,
    phase: 'over',
    timesS,
    series: [
      {
        name: 'TTFT p90',
        unit: 'ms',
        points: [timesS.map((s) => (s < 5 ? 400 - 70 * s : 40)), timesS.map((s) => (s === 0 ? null : 380 + s))],
      },
    ],
    events: [],
    measured: { fromS: 4, requests: 1234, machineBusy: 0.42 },
    summary: [
      { name: 'TTFT p90', unit: 'ms', values: [40, 399.6] },
      { name: 'prompt from a cache', unit: '%', values: [98.4, 23.4] },
      { name: 'requests that failed', unit: '', values: [0, 12] },
    ],
    verdict: { isKept: true, text: 'TTFT p90 40 ms instead of 400 ms: 10 times faster.' },
    ...parts,
  }
}

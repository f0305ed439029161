import { figure, type Table } from '../../../bench/table.ts'
import type { Load, Tally } from './load.ts'
import type { Vitals } from './vitals.ts'

export type Sample = { readonly when: string; readonly underLoad: Vitals; readonly atRest: Vitals }

/** What may be more at the end than at the beginning. */
const tolerance = {
  /** Connections to metrics pages come and go. */
  fds: 4,
  resources: 8,
  residentMegabytes: 50,
  loopDelayMs: 20,
}

export function tablesOf(load: Load, samples: readonly Sample[]): Table[] {
  const { sent, seconds, unexpected } = load
  const rate = figure(sent / seconds)
  const row = ([name, { requests, unexpected }]: readonly [string, Tally]) => {
    const text = figure(unexpected)
    return [
      name,
      figure(requests),
      figure(requests - unexpected),
      unexpected === 0 ? text : ({ text, missesTarget: true } as const),
    ]
  }
  const named = (tallies: ReadonlyMap<{ readonly name: string }, Tally>) =>
    Array.from(tallies, ([{ name }, tally]) => [name, tally] as const)
  const columns = ['', 'requests', 'as expected', 'unexpected']
  const vitals: readonly (readonly [string, (sample: Sample) => number])[] = [
    ['file descriptors', ({ atRest }) => atRest.fds],
    ['… sockets', ({ atRest }) => atRest.sockets],
    ['active resources of Node', ({ atRest }) => atRest.resources],
    ['RSS, MB', ({ atRest }) => atRest.residentMegabytes],
    ['RSS under load, MB', ({ underLoad }) => underLoad.residentMegabytes],
    ['event-loop delay, p99 ms', ({ atRest }) => atRest.loopDelayP99Ms],
    ['event-loop delay under load, p50 ms', ({ underLoad }) => underLoad.loopDelayP50Ms],
    ['event-loop delay under load, p99 ms', ({ underLoad }) => underLoad.loopDelayP99Ms],
    ['open exchanges', ({ atRest }) => atRest.openExchanges],
    ['held bytes', ({ atRest }) => atRest.heldBytes],
  ]
  return [
    {
      title: 'Requests by kind',
      note: `${sent.toLocaleString('en-US')} requests, ${rate} a second, ${unexpected} unexpected.`,
      columns,
      rows: named(load.byKind).map(row),
      labelColumns: 1,
    },
    { title: 'Requests by mode', columns, rows: named(load.byWay).map(row), labelColumns: 1 },
    {
      title: 'Signalbox',
      note: 'After some seconds without requests, if not told otherwise; at the beginning, warmed up. Delays are those of a timer of 10 ms.',
      columns: ['', ...samples.map(({ when }) => when)],
      rows: vitals.map(([name, read]) => [name, ...samples.map((sample) => figure(read(sample)))]),
      labelColumns: 1,
    },
  ]
}

/** What is not as it should be. */
export function missesOf({ unexpected }: Load, samples: readonly Sample[]): string[] {
  const { atRest: first, underLoad: firstLoad } = samples[0]
  const { atRest: last, underLoad: lastLoad } = samples.at(-1)!
  const misses: string[] = []
  const atMost = (what: string, value: number, most: number) => {
    if (value > most) misses.push(`${what}: ${figure(value)}, not at most ${figure(most)}`)
  }
  atMost('unexpected outcomes', unexpected, 0)
  atMost('file descriptors', last.fds, first.fds + tolerance.fds)
  atMost('active resources', last.resources, first.resources + tolerance.resources)
  atMost('resident megabytes', last.residentMegabytes, first.residentMegabytes + tolerance.residentMegabytes)
  atMost('event-loop delay', last.loopDelayP99Ms, first.loopDelayP99Ms + tolerance.loopDelayMs)
  atMost('event-loop delay under load', lastLoad.loopDelayP99Ms, firstLoad.loopDelayP99Ms + tolerance.loopDelayMs)
  for (const { atRest } of samples) {
    atMost('open exchanges', atRest.openExchanges, 0)
    atMost('held bytes', atRest.heldBytes, 0)
  }
  return misses
}

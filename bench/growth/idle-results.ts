import { byteSize, type Cell, figure, type Table } from '../table.ts'
import type { Chart } from './chart.ts'
import { growthRow } from './decisions.ts'
import type { IdleSample } from './idle.ts'
import { inWords, logarithmicGrowth, type Measured, modelCounts, poolCounts, type Size } from './size.ts'

type Idle = readonly Measured<IdleSample>[]

/** Doing nothing may cost so much, wherever. */
const coresTarget = 0.25

const endpointsOf = ({ pools, endpoints }: Size): number => pools * endpoints

export function idleChart(idle: Idle): Chart {
  return {
    title: 'Signalbox with nothing to do, by endpoints',
    xTitle: 'endpoints of all pools',
    yTitle: 'cores',
    lines: modelCounts.map((models, hue) => ({
      name: `${figure(models)} models, 1 and 10 pools`,
      hue,
      isDashed: models === modelCounts.at(-1),
      points: idle
        .filter(({ size }) => size.models === models && size.pools < poolCounts.at(-1)!)
        .map(({ size, sample }) => [endpointsOf(size), sample.cores] as const)
        .sort(([a], [b]) => a - b),
    })),
  }
}

export function idleTable(idle: Idle, misses: string[]): Table {
  return {
    title: 'Nothing to do',
    columns: ['pools', 'endpoints of each', 'models', 'cores', 'scrapes/s', 'memory'],
    rows: idle.map(({ size, sample }) => [
      figure(size.pools),
      figure(size.endpoints),
      figure(size.models),
      coresCell(size, sample, misses),
      figure(sample.scrapesPerSecond),
      byteSize(sample.residentBytes),
    ]),
    labelColumns: 0,
    note:
      'signalbox serve on files, which it reads again every 5 s, and on metrics pages over loopback, without a request: CPU time a second. ' +
      'Memory has the parsed files in it.\n\n![Curves of the CPU time without requests](growth/idle.svg)',
  }
}

function coresCell(size: Size, { cores }: IdleSample, misses: string[]): Cell {
  // Written so that a figure that is no number misses too.
  if (cores <= coresTarget) return figure(cores)
  misses.push(`growth: idle, ${inWords(size)}: ${figure(cores)} cores, target at most ${coresTarget}`)
  return { text: `${figure(cores)} > ${coresTarget}`, missesTarget: true }
}

/** Each compares two clusters that differ in one thing. */
export function growthOfIdle(idle: Idle, misses: string[]): Table {
  const rows: Cell[][] = []
  for (const { what, from, to, count } of comparisons) {
    const [before, after] = [from, to].map((wanted) => idle.find(({ size }) => inWords(size) === inWords(wanted)))
    if (before === undefined || after === undefined) continue
    const times = after.sample.cores / before.sample.cores
    rows.push(growthRow(`${what}, times the CPU time`, times, logarithmicGrowth(count(from), count(to)), misses))
  }
  return {
    title: 'Growth of nothing to do',
    columns: ['what grows', 'it grows by', 'at most'],
    rows,
    labelColumns: 1,
    note: 'Up to 200 endpoints each is scraped once a second; more of them share 200 scrapes a second, so growth is told from there on.',
  }
}

const many = { pools: 1, endpoints: 1_000, models: 10 }

const comparisons = [
  {
    what: '10 to 10,000 models',
    from: many,
    to: { ...many, models: 10_000 },
    count: ({ models }: Size) => models,
  },
  {
    what: '1 to 100 pools of the same endpoints',
    from: many,
    to: { pools: 100, endpoints: 10, models: 10 },
    count: ({ pools }: Size) => pools,
  },
  {
    what: '1,000 to 10,000 endpoints',
    from: many,
    to: { ...many, pools: 10 },
    count: endpointsOf,
  },
]

import { type Cell, figure, type Table } from '../table.ts'
import type { Chart } from './chart.ts'
import { scorers } from './decider.ts'
import type { DecisionSample } from './decision-point.ts'
import { endpointCounts, logarithmicGrowth, type Measured, modelCounts, poolCounts, type Size } from './size.ts'

type Decisions = readonly Measured<DecisionSample>[]

/** An endpoint may cost so much for each scorer; all that is done for an endpoint counts: producers, filters and the picker, too. */
const nanosPerScorerTarget = 1_000

export function decisionChart(decisions: Decisions): Chart {
  return {
    title: 'A decision, by endpoints of its pool',
    xTitle: 'endpoints of each pool',
    yTitle: 'CPU time of a decision in µs',
    lines: modelCounts.flatMap((models) =>
      poolCounts.map((pools, hue) => ({
        name: `${counted(pools, 'pool')}, ${counted(models, 'model')}`,
        hue,
        isDashed: models === modelCounts.at(-1),
        points: endpointCounts.map((endpoints) => [endpoints, microsOf(decisions, { pools, endpoints, models })]),
      })),
    ),
  }
}

const counted = (count: number, what: string): string => `${figure(count)} ${what}${count === 1 ? '' : 's'}`

export function decisionsTable(decisions: Decisions, rounds: number): Table {
  return {
    title: 'Time per decision',
    columns: ['pools', 'endpoints of each', ...modelCounts.map((models) => `µs, ${figure(models)} models`)],
    rows: poolCounts.flatMap((pools) =>
      endpointCounts.map((endpoints) => [
        figure(pools),
        figure(endpoints),
        ...modelCounts.map((models) => figure(microsOf(decisions, { pools, endpoints, models }))),
      ]),
    ),
    labelColumns: 0,
    note:
      'lacksStickyKey, resolve, admit, pick with the default configuration, the hooks of its plugins and metrics, and the end of an earlier request: ' +
      `CPU time of the thread, a process each, ${rounds === 1 ? 'one round' : `the fastest of ${rounds} rounds`}. ` +
      'Requests are for models of all pools in turn.\n\n![Curves of the time per decision](growth/decisions.svg)',
  }
}

/** Holds the times against what they may be: a decision may take longer in a larger cluster as a tree of it is deeper. */
export function growthOfDecisions(decisions: Decisions, misses: string[]): Table {
  const micros = (size: Size) => microsOf(decisions, size)
  const along = (counts: readonly number[], what: string, sizesAt: (count: number) => readonly Size[]): Cell[] => {
    const [from, to] = [counts[0], counts.at(-1)!]
    const before = sizesAt(from)
    const times = Math.max(...sizesAt(to).map((size, i) => micros(size) / micros(before[i])))
    return growthRow(`${figure(from)} to ${figure(to)} ${what}`, times, logarithmicGrowth(from, to), misses)
  }
  const ofPools = (endpoints: number) => modelCounts.map((models) => ({ endpoints, models }))
  return {
    title: 'Growth of the time per decision',
    columns: ['what grows', 'the most it grows by', 'at most'],
    rows: [
      along(modelCounts, 'models, times as long', (models) =>
        poolCounts.flatMap((pools) => endpointCounts.map((endpoints) => ({ pools, endpoints, models }))),
      ),
      along(poolCounts, 'pools, times as long', (pools) =>
        endpointCounts.flatMap(ofPools).map((size) => ({ pools, ...size })),
      ),
      scorerRow(decisions, misses),
    ],
    labelColumns: 1,
    note:
      'A balanced tree of n things is 1 + log2(n) deep: the time may grow by as many times as that does. An endpoint and scorer is the slope of the ' +
      `steepest curve by the ${scorers} scorers; filters, producers and the picker count with them.`,
  }
}

function scorerRow(decisions: Decisions, misses: string[]): Cell[] {
  const slopes = poolCounts.flatMap((pools) =>
    modelCounts.map((models) =>
      slope(endpointCounts.map((endpoints) => [endpoints, microsOf(decisions, { pools, endpoints, models })])),
    ),
  )
  const nanos = (Math.max(...slopes) * 1_000) / scorers
  return growthRow('each endpoint and scorer, ns', nanos, nanosPerScorerTarget, misses)
}

export function growthRow(what: string, found: number, atMost: number, misses: string[]): Cell[] {
  // Written so that a figure that is no number misses too.
  if (found <= atMost) return [what, figure(found), figure(atMost)]
  misses.push(`growth: ${what}: ${figure(found)}, target at most ${figure(atMost)}`)
  return [what, { text: `${figure(found)} > ${figure(atMost)}`, missesTarget: true }, figure(atMost)]
}

/** Of the straight line with the least squares of relative errors, so that small clusters count as much as large ones. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  let [weights, wx, wy, wxx, wxy] = [0, 0, 0, 0, 0]
  for (const [x, y] of points) {
    const weight = 1 / y ** 2
    weights += weight
    wx += weight * x
    wy += weight * y
    wxx += weight * x * x
    wxy += weight * x * y
  }
  return (weights * wxy - wx * wy) / (weights * wxx - wx * wx)
}

function microsOf(decisions: Decisions, { pools, endpoints, models }: Size): number {
  const found = decisions.find(
    ({ size }) => size.pools === pools && size.endpoints === endpoints && size.models === models,
  )
  return found?.sample.decisionMicros ?? Number.NaN
}

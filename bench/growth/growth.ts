import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Outcome } from '../e2e.ts'
import { byteSize, figure, type Table } from '../table.ts'
import type { ChangeSample } from './change-point.ts'
import { changesTable } from './changes.ts'
import { drawChart } from './chart.ts'
import type { DecisionSample } from './decision-point.ts'
import { decisionChart, decisionsTable, growthOfDecisions } from './decisions.ts'
import { type IdleSample, measureIdle } from './idle.ts'
import { growthOfIdle, idleChart, idleTable } from './idle-results.ts'
import { measurePoint } from './point.ts'
import { allSizes, changedSizes, idleSizes, inWords, lastingIdleSizes, type Measured, type Size } from './size.ts'

export type GrowthPlan = {
  readonly quick: boolean
  /** For what is written meanwhile. */
  readonly directory: string
  readonly say: (line: string) => void
}

const rounds = 3
/** Of a round, after the warm-up: 100 ms each. */
const batches = 10
const changes = 100
const quickChanges = 40

/** Measures what a larger cluster costs: each decision, each change, and doing nothing. Writes the curves beside this file. */
export async function measureGrowth({ quick, directory, say }: GrowthPlan): Promise<Outcome> {
  const misses: string[] = []
  const decisions = await measureDecisions(quick, say)
  const changed: Measured<ChangeSample>[] = []
  for (const size of changedSizes) {
    const sample = await measurePoint<ChangeSample>('change-point.ts', size, quick ? quickChanges : changes)
    changed.push({ size, sample })
    say(`change, ${inWords(size)}: ${figure(sample.podMs)} ms a Pod, ${figure(sample.modelMs)} ms an InferenceModel`)
  }
  const idle: Measured<IdleSample>[] = []
  for (const [index, size] of (quick ? idleSizes.slice(0, -lastingIdleSizes) : idleSizes).entries()) {
    const sample = await measureIdle(size, quick, join(directory, `idle-${index}`))
    idle.push({ size, sample })
    say(`idle, ${inWords(size)}: ${figure(sample.cores)} cores`)
  }
  const charts = { decisions: decisionChart(decisions), idle: idleChart(idle) }
  for (const [name, chart] of Object.entries(charts)) {
    writeFileSync(join(import.meta.dirname, `${name}.svg`), drawChart(chart))
  }
  const tables = [
    decisionsTable(decisions, quick ? 1 : rounds),
    growthOfDecisions(decisions, misses),
    memoryTable(decisions.at(-1)!),
    changesTable(changed, misses),
    idleTable(idle, misses),
    growthOfIdle(idle, misses),
  ]
  return { tables, misses }
}

/** The fastest of all rounds: what else the machine does only ever adds to it. */
async function measureDecisions(quick: boolean, say: (line: string) => void): Promise<Measured<DecisionSample>[]> {
  const fastest = new Map<Size, DecisionSample>()
  for (let round = 1; round <= (quick ? 1 : rounds); round += 1) {
    for (const size of allSizes) {
      const sample = await measurePoint<DecisionSample>('decision-point.ts', size, batches)
      say(`decision, ${inWords(size)}: round ${round}: ${figure(sample.decisionMicros)} µs`)
      const before = fastest.get(size)
      if (before === undefined || sample.decisionMicros < before.decisionMicros) fastest.set(size, sample)
    }
  }
  return Array.from(fastest, ([size, sample]) => ({ size, sample }))
}

function memoryTable({ size, sample }: Measured<DecisionSample>): Table {
  return {
    title: 'Memory of the largest cluster',
    columns: ['cluster', "V8's heap", 'buffers', 'resident'],
    rows: [[inWords(size), ...[sample.heapBytes, sample.bufferBytes, sample.residentBytes].map(byteSize)]],
    labelColumns: 1,
    note: 'After the decisions above, without sources and sockets; heap and buffers after a collection, resident as the process was.',
  }
}

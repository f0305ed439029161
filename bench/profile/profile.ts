import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findParts } from '../../test/real/parts.ts'
import { modelPositions } from '../bodies.ts'
import { subject } from '../e2e.ts'
import { judgeFailures } from '../goal.ts'
import { type LoadGenerator, loadGenerator, type Run } from '../load.ts'
import { startEcho } from '../peers/echo-server.ts'
import { startFleet } from '../peers/fleet.ts'
import type { Server } from '../peers/server.ts'
import { startSignalbox } from '../peers/signalbox.ts'
import { cpuSeconds } from '../process-cpu.ts'
import type { PartReport } from '../report.ts'
import { byteSize, type Cell, figure, type Table } from '../table.ts'
import { missingPerf, sampleWhile } from './perf.ts'
import { type Stage, stageMicros, stages } from './stages.ts'

/** Requests a profile: some two seconds of CPU time, so that a share of 1 % is some 40 samples. */
const requestsBySize: readonly (readonly [bodyBytes: number, requests: number])[] = [
  [1 << 10, 30_000],
  [16 << 10, 20_000],
  [220 << 10, 3000],
  [1 << 20, 800],
]
const quickShare = 0.25

/** Makes Node write where its functions lie to a file that perf knows. */
const namesForPerf = { NODE_OPTIONS: '--perf-basic-prof' }
const namesFile = (pid: number) => join(tmpdir(), `perf-${pid}.map`)

export type ProfilePlan = {
  readonly quick: boolean
  readonly directory: string
  readonly say: (line: string) => void
}

type Column = { readonly cpuMicros: number; readonly byStage: ReadonlyMap<Stage, number> }

/** Where signalbox spends the CPU time of a request, beside an echo that has nothing but its transport and codec. */
export async function measureProfile(plan: ProfilePlan): Promise<PartReport> {
  const missing = await missingPerf()
  if (missing !== undefined) return { micro: [], tables: [], misses: [], leftOut: [missing] }
  const generator = loadGenerator(findParts(['EPLOAD']).found.EPLOAD)
  const misses: string[] = []
  const tables: Table[] = []
  const closers: (() => Promise<void>)[] = []
  try {
    const fleet = await startFleet()
    closers.push(fleet.stop)
    const signalbox = await startSignalbox(fleet, plan.directory, namesForPerf)
    closers.push(signalbox.stop)
    const echo = await startEcho(signalbox, namesForPerf)
    closers.push(echo.stop)
    for (const { pid } of [signalbox, echo]) closers.push(async () => rmSync(namesFile(pid), { force: true }))
    const subjects = [
      ...modelPositions.map((position) => ({ title: `${subject}, model ${position}`, server: signalbox, position })),
      { title: 'The echo', server: echo, position: 'first' as const },
    ]
    for (const { title, server, position } of subjects) {
      plan.say(`profile of ${title}`)
      const columns = new Map<string, Column>()
      for (const [bodyBytes, requests] of requestsBySize) {
        const run = { bodyBytes, position, requests: Math.ceil(requests * (plan.quick ? quickShare : 1)) }
        columns.set(byteSize(bodyBytes), await profileRun(plan, generator, server, run, misses))
      }
      tables.push(profileTable(title, columns, generator))
    }
    return { micro: [], tables, misses, leftOut: [] }
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

async function profileRun(
  { directory, say }: ProfilePlan,
  generator: LoadGenerator,
  { address, pid }: Server,
  run: Run,
  misses: string[],
): Promise<Column> {
  await generator.run(address, { ...run, requests: Math.ceil(run.requests / 3) })
  const { samples, result } = await sampleWhile(pid, join(directory, 'perf.data'), async () => {
    const cpuBefore = cpuSeconds([pid])
    const { failures } = await generator.run(address, run)
    return { cpuMicros: ((cpuSeconds([pid]) - cpuBefore) * 1e6) / run.requests, failures }
  })
  judgeFailures(result.failures, `profile of ${byteSize(run.bodyBytes)}: requests`, misses)
  say(`  ${byteSize(run.bodyBytes)}: ${figure(result.cpuMicros)} µs a request, ${samples.length} samples`)
  return { cpuMicros: result.cpuMicros, byStage: stageMicros(samples, result.cpuMicros) }
}

/** Stages that no column has anything of are left out. */
function profileTable(title: string, columns: ReadonlyMap<string, Column>, generator: LoadGenerator): Table {
  const found = Array.from(columns.values())
  const row = (name: string, micros: (column: Column) => number): Cell[] => [
    name,
    ...found.flatMap((column) => {
      const value = micros(column)
      return [figure(value), `${Math.round((100 * value) / column.cpuMicros)} %`]
    }),
  ]
  const used = stages.filter((stage) => found.some(({ byStage }) => byStage.get(stage)! > 0))
  return {
    title,
    columns: ['CPU µs/request', ...Array.from(columns.keys(), (size) => [size, '']).flat()],
    rows: [
      ...used.map((stage) => row(stage, ({ byStage }) => byStage.get(stage)!)),
      row('all', ({ cpuMicros }) => cpuMicros),
    ],
    labelColumns: 1,
    note:
      `Load from ${generator.name}, samples of all threads by perf, which itself costs some of the time. What Node does for a ` +
      'file of Signalbox counts for that file, and what V8 has inlined for the function that it is in.',
  }
}

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findParts } from '../../test/real/parts.ts'
import type { Goal } from '../goal.ts'
import { judge, judgeFailures } from '../goal.ts'
import { type LoadGenerator, loadGenerator, type Run, type RunResult } from '../load.ts'
import { type Fleet, fleetNamespace, startFleet } from '../peers/fleet.ts'
import { poolName, writeAsFiles } from '../peers/resources.ts'
import { type OwnServer, startServer } from '../peers/server.ts'
import { cpuSeconds } from '../process-cpu.ts'
import type { PartReport } from '../report.ts'
import { median, roundsInWords } from '../statistics.ts'
import { byteSize, type Cell, figure, type Table } from '../table.ts'

const executable = fileURLToPath(new URL('../../bin/signalbox', import.meta.url))

/** How many times the requests of one process two workers have to take, where the load leaves them two cores. */
const goal: Goal = { atLeast: 1.7 }

const shapes: readonly Run[] = [
  { bodyBytes: 1 << 10, position: 'first', requests: 12_000 },
  { bodyBytes: 16 << 10, position: 'first', requests: 6_000 },
  { bodyBytes: 220 << 10, position: 'first', requests: 1_200 },
]
/** Twice that of one process: each of two workers has to get warm. */
const warmUp: Run = { bodyBytes: 1 << 10, position: 'first', requests: 16_000 }
const rounds = 5
const quickShare = 0.25

/** One process, or so many workers and the one that watches. */
type Subject = { readonly name: string; readonly cores: number; readonly server: OwnServer }

type Sample = RunResult & {
  /** CPU time of all processes for a request. */
  readonly cpuMicros: number
  /** That of the busiest of them alone, for a request of all. */
  readonly busiestMicros: number
}

export type WorkersPlan = {
  readonly quick: boolean
  readonly directory: string
  readonly say: (line: string) => void
}

/** Measures what two workers take, beside one process, under the same load. */
export async function measureWorkers({ quick, directory, say }: WorkersPlan): Promise<PartReport> {
  const misses: string[] = []
  const rows: Cell[][] = []
  const generator = loadGenerator(findParts(['EPLOAD']).found.EPLOAD)
  const fleet = await startFleet()
  const subjects: Subject[] = []
  try {
    for (const workers of [1, 2]) subjects.push(await startSubject(workers, fleet, directory))
    say('workers: warming up')
    for (const subject of subjects) await measure(subject, generator, scaled(warmUp, quick))
    for (const shape of shapes) {
      const samples = await measureShape(subjects, generator, scaled(shape, quick), quick ? 1 : rounds, say)
      rows.push(...rowsOf(shape, subjects, samples, misses))
    }
  } finally {
    for (const { server } of subjects) await server.stop()
    await fleet.stop()
  }
  const table: Table = {
    title: 'One process and two workers',
    columns: [
      'body, model',
      'processes',
      'CPU µs/request',
      'of the busiest',
      'req/s here',
      'req/s alone',
      '× one',
      'failed',
    ],
    rows,
    labelColumns: 2,
    note:
      `Full duplex, 16 streams over 2 connections, load from ${generator.name}, ${roundsInWords(quick ? 1 : rounds)}. The load ` +
      'shares the cores with what it measures: "req/s here". "req/s alone" is what fits into a core for one process, and into two ' +
      'for two workers and the process that watches, as their CPU time is: no process can have more than one core.',
  }
  return { micro: [], tables: [table], misses, leftOut: [] }
}

const scaled = (run: Run, quick: boolean): Run => ({
  ...run,
  requests: Math.ceil(run.requests * (quick ? quickShare : 1)),
})

async function startSubject(workers: number, fleet: Fleet, directory: string): Promise<Subject> {
  const folder = join(directory, `workers-${workers}`)
  mkdirSync(folder)
  const files = writeAsFiles(fleet, folder)
  const flags = [
    `--workers=${workers}`,
    `--resources=${files.resources}`,
    `--endpoints=${files.endpoints}`,
    `--pool-name=${poolName}`,
    `--pool-namespace=${fleetNamespace}`,
  ]
  const name = workers === 1 ? 'one' : `${workers} workers`
  return { name, cores: workers, server: await startServer(name, executable, ['serve', ...flags]) }
}

/** A round of each subject after the other. */
async function measureShape(
  subjects: readonly Subject[],
  generator: LoadGenerator,
  shape: Run,
  count: number,
  say: (line: string) => void,
): Promise<Sample[][]> {
  const samples: Sample[][] = subjects.map(() => [])
  for (const subject of subjects)
    await measure(subject, generator, { ...shape, requests: Math.ceil(shape.requests / 4) })
  for (let round = 1; round <= count; round++) {
    for (const [i, subject] of subjects.entries()) {
      const sample = await measure(subject, generator, shape)
      samples[i].push(sample)
      say(
        `workers: ${byteSize(shape.bodyBytes)}: round ${round}, ${subject.name}: ${figure(sample.cpuMicros)} µs of CPU a request`,
      )
    }
  }
  return samples
}

async function measure({ server }: Subject, generator: LoadGenerator, run: Run): Promise<Sample> {
  const pids = [server.pid, ...childrenOf(server.pid)]
  const before = pids.map((pid) => ownSeconds(pid))
  const result = await generator.run(server.address, run)
  const micros = pids.map((pid, i) => ((ownSeconds(pid) - before[i]) * 1e6) / run.requests)
  return { ...result, cpuMicros: micros.reduce((sum, each) => sum + each, 0), busiestMicros: Math.max(...micros) }
}

/** Without its children. */
const ownSeconds = (pid: number): number =>
  cpuSeconds([pid]) - childrenOf(pid).reduce((sum, child) => sum + cpuSeconds([child]), 0)

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}

/** Requests a second when the machine has nothing else to do. */
function alone({ cores }: Subject, { cpuMicros, busiestMicros }: Sample): number {
  return Math.min(1e6 / busiestMicros, (cores * 1e6) / cpuMicros)
}

function rowsOf(shape: Run, subjects: readonly Subject[], samples: readonly Sample[][], misses: string[]): Cell[][] {
  const label = `${byteSize(shape.bodyBytes)}, ${shape.position}`
  return subjects.map((subject, i) => {
    const of = (value: (sample: Sample) => number) => figure(median(samples[i].map(value)))
    // Within a round, as what else the machine does changes from round to round.
    const ratio = median(
      samples[i].map((sample, round) => alone(subject, sample) / alone(subjects[0], samples[0][round])),
    )
    const failures = samples[i].reduce((sum, sample) => sum + sample.failures, 0)
    return [
      label,
      subject.name,
      of(({ cpuMicros }) => cpuMicros),
      of(({ busiestMicros }) => busiestMicros),
      of(({ requestsPerSecond }) => requestsPerSecond),
      of((sample) => alone(subject, sample)),
      judge(ratio, i === 0 ? undefined : goal, `${label}: requests of ${subject.name} to one process`, misses),
      judgeFailures(failures, `${label}: requests of ${subject.name}`, misses),
    ]
  })
}

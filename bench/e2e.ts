import { type ModelPosition, modelPositions } from './bodies.ts'
import { defaultLoad, drive } from './driver.ts'
import { type Goal, judge, judgeFailures } from './goal.ts'
import type { LoadGenerator, Run, RunResult } from './load.ts'
import { modelName } from './peers/resources.ts'
import type { Server } from './peers/server.ts'
import { cpuSeconds } from './process-cpu.ts'
import { median, roundsInWords } from './statistics.ts'
import { byteSize, type Cell, figure, type Table } from './table.ts'

/** What does the whole job: one server, or several that each request passes through one after the other. */
export type Target = { readonly name: string; readonly servers: readonly Server[] }

export const subject = 'signalbox'
export const referencePair = 'BBR + EPP'

/** How many times the CPU time of signalbox the reference has to need. */
const ratioGoals: readonly { bodyBytes: number; goal: Goal }[] = [
  { bodyBytes: 1 << 10, goal: { atLeast: 4 } },
  { bodyBytes: 220 << 10, goal: { atLeast: 12 } },
  { bodyBytes: 1 << 20, goal: { atLeast: 20 } },
]
/** How many times the CPU time of the echo signalbox may need, at any size. */
const echoGoal: Goal = { atMost: 1.3 }

/** Requests a run: enough for half a second or so of CPU time of signalbox, so that one collection of garbage is little of it. */
const requestsBySize: readonly (readonly [bodyBytes: number, requests: number])[] = [
  [1 << 10, 8000],
  [16 << 10, 5000],
  [220 << 10, 1000],
  [1 << 20, 300],
]
/** Long enough for V8 to have compiled what is hot, for small bodies and for those that come in many parts. */
const warmUps: readonly Run[] = [
  { bodyBytes: 1 << 10, position: 'first', requests: 8000 },
  { bodyBytes: 220 << 10, position: 'first', requests: 1500 },
  { bodyBytes: 220 << 10, position: 'last', requests: 1000 },
]
const rounds = 5
const quickShare = 0.25

/** Some 100 ms apart, as from a client on a slow line. */
const slowSender = { ...defaultLoad, model: modelName, bodyBytes: 128 << 10, gapMs: 100, requests: 8, concurrency: 4 }

type Sample = RunResult & { readonly cpuMicros: number }

export type Plan = {
  /** The first is signalbox. */
  readonly targets: readonly Target[]
  /** Decides nothing, on the transport of signalbox: what it needs is the floor. */
  readonly echo: Target
  readonly generator: LoadGenerator
  readonly quick: boolean
  readonly say: (line: string) => void
}

/** `misses` says in words which targets were missed and which requests failed. */
export type Outcome = { readonly tables: Table[]; readonly misses: string[] }

/** Measures all targets side by side: the same load, interleaved (A B A B), the median of the rounds. */
export async function measureEndToEnd(plan: Plan): Promise<Outcome> {
  const shapes = requestsBySize.flatMap(([bodyBytes, requests]) =>
    modelPositions.map((position) => ({
      bodyBytes,
      position,
      requests: Math.ceil(requests * (plan.quick ? quickShare : 1)),
    })),
  )
  const misses: string[] = []
  const rows: Cell[][] = []
  plan.say('warming up')
  for (const warmUp of warmUps) {
    const requests = Math.ceil(warmUp.requests * (plan.quick ? quickShare : 1))
    for (const target of [...plan.targets, plan.echo]) {
      await measureTarget(target, plan.generator, { ...warmUp, requests })
    }
  }
  const echoRows: Cell[][] = []
  for (const shape of shapes) {
    const samples = await measureShape(plan, shape)
    rows.push(...shapeRows(plan, shape, samples, misses))
    echoRows.push(echoRow(plan, shape, samples, misses))
  }
  const load: Table = {
    title: 'ext_proc servers under load',
    columns: ['body, model', 'server', 'CPU µs/request', '× signalbox', 'req/s', 'p50 ms', 'p99 ms', 'failed'],
    rows,
    labelColumns: 2,
    note:
      `Full duplex, 16 streams over 2 connections, chunks of 16 KiB, load from ${plan.generator.name}; ` +
      `${roundsInWords(plan.quick ? 1 : rounds)}. A pair is measured one server after the other: ` +
      'CPU times and latencies are sums, so its p99 is an upper bound.',
  }
  const besideEcho: Table = {
    title: 'Beside an echo on the same transport',
    columns: ['body, model', `${subject} CPU µs/request`, 'echo CPU µs/request', `${subject} × echo`],
    rows: echoRows,
    labelColumns: 1,
    note: 'The echo reads each message and sends it back: no scan, no decision, no metrics. From the same rounds.',
  }
  return { tables: [load, besideEcho, await measureSlowSender(plan, misses)], misses }
}

async function measureShape(plan: Plan, shape: Run): Promise<Map<Target, Sample[]>> {
  const { generator, quick, say } = plan
  const targets = [...plan.targets, plan.echo]
  const samples = new Map<Target, Sample[]>(targets.map((target) => [target, []]))
  const label = shapeLabel(shape.bodyBytes, shape.position)
  say(`${label}: warming up`)
  for (const target of targets)
    await measureTarget(target, generator, { ...shape, requests: Math.ceil(shape.requests / 4) })
  for (let round = 1; round <= (quick ? 1 : rounds); round++) {
    for (const target of targets) {
      const sample = await measureTarget(target, generator, shape)
      samples.get(target)!.push(sample)
      say(`${label}: round ${round}, ${target.name}: ${figure(sample.cpuMicros)} µs of CPU a request`)
    }
  }
  return samples
}

async function measureTarget(target: Target, generator: LoadGenerator, run: Run): Promise<Sample> {
  const sum = { cpuMicros: 0, secondsPerRequest: 0, p50Ms: 0, p99Ms: 0, failures: 0 }
  for (const server of target.servers) {
    const cpuBefore = cpuSeconds([server.pid])
    const result = await generator.run(server.address, run)
    sum.cpuMicros += ((cpuSeconds([server.pid]) - cpuBefore) * 1e6) / run.requests
    sum.secondsPerRequest += 1 / result.requestsPerSecond
    sum.p50Ms += result.p50Ms
    sum.p99Ms += result.p99Ms
    sum.failures += result.failures
  }
  return { ...sum, requestsPerSecond: 1 / sum.secondsPerRequest }
}

function shapeRows(plan: Plan, shape: Run, samples: Map<Target, Sample[]>, misses: string[]): Cell[][] {
  const label = shapeLabel(shape.bodyBytes, shape.position)
  const of = (target: Target, value: (sample: Sample) => number) => median(samples.get(target)!.map(value))
  const subjectSamples = samples.get(plan.targets[0])!
  return plan.targets.map((target) => {
    // Within a round, as what else the machine does changes from round to round.
    const ratio = median(
      samples.get(target)!.map(({ cpuMicros }, round) => cpuMicros / subjectSamples[round].cpuMicros),
    )
    const goal =
      target.name === referencePair ? ratioGoals.find((each) => each.bodyBytes === shape.bodyBytes)?.goal : undefined
    return [
      label,
      target.name,
      figure(of(target, (sample) => sample.cpuMicros)),
      judge(ratio, goal, `${label}: CPU of ${target.name} to ${subject}`, misses),
      figure(of(target, (sample) => sample.requestsPerSecond)),
      figure(of(target, (sample) => sample.p50Ms)),
      figure(of(target, (sample) => sample.p99Ms)),
      judgeFailures(
        samples.get(target)!.reduce((sum, sample) => sum + sample.failures, 0),
        `${label}: requests of ${target.name}`,
        misses,
      ),
    ]
  })
}

function echoRow({ targets, echo }: Plan, shape: Run, samples: Map<Target, Sample[]>, misses: string[]): Cell[] {
  const label = shapeLabel(shape.bodyBytes, shape.position)
  const own = samples.get(targets[0])!.map(({ cpuMicros }) => cpuMicros)
  const echoes = samples.get(echo)!.map(({ cpuMicros }) => cpuMicros)
  const ratio = median(own.map((cpuMicros, round) => cpuMicros / echoes[round]))
  const cell = judge(ratio, echoGoal, `${label}: CPU of ${subject} to the echo`, misses)
  return [label, figure(median(own)), figure(median(echoes)), cell]
}

async function measureSlowSender({ targets, say }: Plan, misses: string[]): Promise<Table> {
  const { bodyBytes, chunkBytes, gapMs } = slowSender
  const sendingMs = (Math.ceil(bodyBytes / chunkBytes) - 1) * gapMs
  const rows: Cell[][] = []
  for (const target of targets) {
    say(`slow sender: ${target.name}`)
    let decisionMs = 0
    for (const server of target.servers) {
      // A server that waits for the whole body hands it to the next one in one go.
      const held = decisionMs >= sendingMs
      const { decision, failures } = await drive({ ...slowSender, address: server.address, gapMs: held ? 0 : gapMs })
      decisionMs += decision.p50Ms
      for (const reason of Object.keys(failures)) misses.push(`slow sender: ${server.name}: ${reason}`)
    }
    rows.push([target.name, figure(decisionMs)])
  }
  return {
    title: 'Slow sender: from the first body chunk to the decision',
    columns: ['server', 'p50 ms'],
    rows,
    labelColumns: 1,
    note: `${byteSize(bodyBytes)} with the model first, in chunks of 16 KiB ${gapMs} ms apart: ${sendingMs} ms for the body.`,
  }
}

const shapeLabel = (bodyBytes: number, position: ModelPosition) => `${byteSize(bodyBytes)}, ${position}`

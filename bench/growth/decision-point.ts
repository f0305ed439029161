/**
 * One size of cluster in a process of its own: prints what a decision costs there, as JSON.
 * Usage: node --expose-gc bench/growth/decision-point.ts POOLS ENDPOINTS MODELS BATCHES
 */
import { median } from '../statistics.ts'
import { createDecider } from './decider.ts'

export type DecisionSample = {
  /** Of CPU time of the one thread: what else runs on the machine does not count. */
  readonly decisionMicros: number
  /** What the cluster takes after so many decisions, in V8's heap and in buffers. */
  readonly heapBytes: number
  readonly bufferBytes: number
  readonly residentBytes: number
}

/** Enough for V8 to have compiled what is hot, and for every endpoint to have been looked at. */
const warmUpMicros = 1_200_000
/** The system counts the CPU time of threads in steps of some milliseconds. */
const batchMicros = 100_000
const decisionsAtOnce = 16

const [pools, endpoints, models, batches] = process.argv.slice(2).map(Number)
const decide = createDecider({ pools, endpoints, models })

/** Microseconds of CPU time that a decision took, of those that took some `micros` together. */
function decideFor(micros: number): number {
  const before = process.threadCpuUsage()
  let decisions = 0
  for (;;) {
    for (let i = 0; i < decisionsAtOnce; i += 1) decide()
    decisions += decisionsAtOnce
    const { user, system } = process.threadCpuUsage(before)
    if (user + system >= micros) return (user + system) / decisions
  }
}

decideFor(warmUpMicros)
const samples = Array.from({ length: batches }, () => decideFor(batchMicros))
globalThis.gc!()
const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
const sample: DecisionSample = {
  decisionMicros: median(samples),
  heapBytes: heapUsed,
  bufferBytes: arrayBuffers,
  residentBytes: rss,
}
console.log(JSON.stringify(sample))

/**
 * One size of cluster in a process of its own: prints what it takes to take in a change of it, as JSON.
 * Usage: node bench/growth/change-point.ts POOLS ENDPOINTS MODELS CHANGES
 */
import { type Compiled, compileCatalog } from '../../src/catalog/compile.ts'
import { modelNames } from '../../src/catalog/model-names.ts'
import type { Resource } from '../../src/catalog/resource.ts'
import { LivePools } from '../../src/pool/live-pools.ts'
import { namesModel } from '../../src/telemetry/resource-names.ts'
import { clusterEndpoints, clusterResources, modelResource } from './cluster.ts'
import { idleScraper } from './decider.ts'

export type ChangeSample = {
  /** Milliseconds of CPU time until the pools are the new ones and their endpoints are scraped. */
  readonly podMs: number
  /** The same for an InferenceModel whose weights change: validated, compiled, in use. */
  readonly modelMs: number
}

const [pools, endpoints, models, changes] = process.argv.slice(2).map(Number)
const size = { pools, endpoints, models }

let resources = clusterResources(size)
const all = clusterEndpoints(size)
let compiled: Compiled = compileCatalog(resources)
const live = new LivePools()
const scraper = idleScraper()

/** As the service takes in a snapshot. */
function apply(specs: typeof all): void {
  live.update(compiled.catalog, specs)
  scraper.update(live.members)
}

function podChange(turn: number): void {
  // A source makes a new array of the servers that it knows.
  const gone = turn % 2 === 0 ? (turn * 7_919) % all.length : -1
  apply(all.filter((_, index) => index !== gone))
}

function modelChange(turn: number): void {
  const at = pools + ((turn * 7_919) % Math.max(pools, models))
  const index = at - pools
  const changed: Resource = modelResource(index, index % models, index % pools, [9, turn + 2])
  resources = resources.with(at, changed)
  compiled = compileCatalog(resources, { previous: compiled })
  apply(all)
  // What the log and the metrics ask of a new catalog.
  modelNames(compiled.catalog)
  namesModel(compiled.catalog, '')
}

/** The system counts the CPU time of threads in steps of some milliseconds. */
const leastMeasuredMs = 200

/** Milliseconds of CPU time that a change takes, on average; a quarter as many before that are for V8 to compile what is hot. */
function measure(change: (turn: number) => void): number {
  let turn = 0
  while (turn < changes / 4) change(turn++)
  const first = turn
  const before = process.threadCpuUsage()
  for (;;) {
    change(turn++)
    const { user, system } = process.threadCpuUsage(before)
    const ms = (user + system) / 1_000
    if (turn - first >= changes && ms >= leastMeasuredMs) return ms / (turn - first)
  }
}

apply(all)
const sample: ChangeSample = { podMs: measure(podChange), modelMs: measure(modelChange) }
console.log(JSON.stringify(sample))

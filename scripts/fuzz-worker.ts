import { inspect } from 'node:util'
import { parentPort, workerData } from 'node:worker_threads'
import { targets } from '../test/fuzz/all-targets.ts'
import { type Hunted, hunt } from '../test/fuzz/hunt.ts'

export type Report = Pick<Hunted, 'tried' | 'slowest'> & {
  readonly found: { readonly index: number; readonly error: string; readonly input: unknown } | undefined
}

const { name, current, ...budget } = workerData
const target = targets.find((target) => target.name === name)!
const { tried, slowest, found } = await hunt(target, { ...budget, begins: (index) => Atomics.store(current, 0, index) })
const report: Report = {
  tried,
  slowest,
  found: found && { index: found.index, error: inspect(found.error), input: found.input },
}
parentPort!.postMessage(report)

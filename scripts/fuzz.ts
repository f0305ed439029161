// Tries what others could send, target by target, until a promise breaks or the budget is used up.
//   --target NAME   these alone (again for each); --list names them
//   --cases N       of each target, at most; default 10,000,000
//   --seconds N     of CPU for each target, at most; default 3,600
//   --seed N        default is another one in each run
//   --index N       of this seed, this case alone
//   --jobs N        targets at once; default 1
// Exits with 1 when something was found, and prints the case to keep in test/fuzz/found.
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { targets } from '../test/fuzz/all-targets.ts'
import type { Report } from './fuzz-worker.ts'

const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true, default: targets.map(({ name }) => name) },
    list: { type: 'boolean', default: false },
    cases: { type: 'string', default: '10000000' },
    seconds: { type: 'string', default: '3600' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    index: { type: 'string' },
    jobs: { type: 'string', default: '1' },
  },
})

/** A case that takes longer hangs, however busy the machine is. */
const hangMs = 60_000
const progressMs = 60_000

/** Fuzzes one target in a thread of its own, which can be ended when a case hangs. */
function fuzz(name: string): Promise<boolean> {
  const seed = Number(values.seed)
  const from = Number(values.index ?? 0)
  const cases = values.index === undefined ? Number(values.cases) : 1
  const current = new Int32Array(new SharedArrayBuffer(4))
  const workerData = { name, seed, from, cases, cpuSeconds: Number(values.seconds), current }
  const worker = new Worker(new URL('./fuzz-worker.ts', import.meta.url), { workerData })
  const say = (text: string) => console.log(`${name.padEnd(16)} ${text}`)
  const startMs = performance.now()
  let last = { index: -1, sinceMs: startMs, toldMs: startMs }

  return new Promise((resolve) => {
    const watch = setInterval(() => {
      const [index] = current
      const nowMs = performance.now()
      if (index !== last.index) last = { ...last, index, sinceMs: nowMs }
      else if (nowMs - last.sinceMs > hangMs) {
        say(`HANGS: --target ${name} --seed ${seed} --index ${index}`)
        void worker.terminate()
      }
      if (nowMs - last.toldMs > progressMs) {
        last = { ...last, toldMs: nowMs }
        say(`${index - from} cases, ${Math.round(((index - from) / (nowMs - startMs)) * 1000)} a second, seed ${seed}`)
      }
    }, 1000)
    let isGood = false
    worker.on('message', ({ tried, slowest, found }: Report) => {
      const rate = Math.round((tried / (performance.now() - startMs)) * 1000)
      isGood = found === undefined
      if (found === undefined) {
        const longest = `the longest, ${slowest.index}, ${Math.round(slowest.ms)} ms`
        return say(`${tried} cases, ${rate} a second, seed ${seed}: all good; ${longest}`)
      }
      say(`BROKEN: --target ${name} --seed ${seed} --index ${found.index}\n${found.error}`)
      console.log(JSON.stringify({ target: name, input: found.input }, undefined, 2))
    })
    worker.on('error', (error) => say(`FAILED: ${error instanceof Error ? error.stack : String(error)}`))
    worker.on('exit', () => {
      clearInterval(watch)
      resolve(isGood)
    })
  })
}

if (values.list) {
  for (const { name, promise } of targets) console.log(`${name.padEnd(16)} ${promise}`)
} else {
  const unknown = values.target.filter((name) => !targets.some((target) => target.name === name))
  if (unknown.length > 0) throw new Error(`no target is called ${unknown.join(', ')}`)
  const queue = [...values.target]
  const outcomes: boolean[] = []
  const worker = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) outcomes.push(await fuzz(name))
  }
  await Promise.all(Array.from({ length: Number(values.jobs) }, worker))
  console.log(`${outcomes.filter(Boolean).length} passed, ${outcomes.filter((isGood) => !isGood).length} failed`)
  process.exitCode = outcomes.every(Boolean) ? 0 : 1
}

/**
 * Requests of all kinds through Envoy and Signalbox, in every mode: none may fail that should not, and Signalbox is at the end as
 * it was at the beginning. Prints tables, and exits 1 on a miss.
 *   npm run soak -- [--requests 1000000] [--clients 48] [--write docs/faults.md]
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { alignTable } from '../../bench/table.ts'
import { machine, replaceSection } from './faults/document.ts'
import { type Listener, requestModes, startScene } from './scene.ts'
import { resources } from './soak/bodies.ts'
import { Load } from './soak/load.ts'
import { missesOf, type Sample, tablesOf } from './soak/report.ts'
import { readVitals, type Vitals } from './soak/vitals.ts'
import { Way } from './soak/way.ts'

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000000' },
    clients: { type: 'string', default: '48' },
    write: { type: 'string' },
  },
})
const requests = Number(values.requests)

/** Before the first sample: what a process grows to while it is new is no leak. */
const warmUpRequests = Math.min(100_000, requests / 2)
const progressMs = 5_000
/** A rest before each sample: connections that idle are closed, garbage is collected. */
const restMs = 15_000

const answersRead = 'answers read'
const listeners: Readonly<Record<string, Listener>> = {
  ...requestModes,
  [answersRead]: { processingMode: { response_body_mode: 'STREAMED', response_trailer_mode: 'SKIP' } },
}

const worker = new Worker(new URL('./soak/model-servers.ts', import.meta.url))
const [ports] = (await once(worker, 'message')) as [number[]]
const scene = await startScene({
  servers: ports.map((port, index) => ({ name: `qwen-${index}`, port })),
  resources,
  listeners,
  // Envoy sends a body that ends with trailers again, behind itself, on a route with retries (envoyproxy/envoy#45470).
  route: { retry_policy: { num_retries: 0 } },
  serveFlags: ['--unknown-model=reject', '--max-body-bytes=4Mi'],
  envoyWorkers: 2,
})
const ways = Object.keys(listeners).map((name) => new Way(name, scene.urlOf(name), name === answersRead))
const load = new Load(ways, Number(values.clients))
const samples: Sample[] = []
try {
  for (const [when, until] of [
    ['beginning', warmUpRequests],
    ['middle', (warmUpRequests + requests) / 2],
    ['end', requests],
  ] as const) {
    const underLoad = await runUntil(until)
    await sleep(restMs)
    samples.push({ when, underLoad, atRest: await vitals() })
  }
} finally {
  for (const way of ways) way.close()
  await scene.stop()
  await worker.terminate()
}

const tables = tablesOf(load, samples)
const misses = missesOf(load, samples)
console.log(`\n${tables.map(alignTable).join('\n\n')}\n`)
for (const [problem, times] of load.problems) console.log(`${times} × ${problem}`)
for (const miss of misses) console.log(`MISS: ${miss}`)
if (values.write !== undefined) {
  const command = `npm run soak -- --requests ${requests}`
  await replaceSection(values.write, 'soak', `\`${command}\`, ${machine()}.`, tables)
}
process.exitCode = misses.length === 0 ? 0 : 1

function vitals(): Promise<Vitals> {
  return readVitals(scene.signalbox.pid, scene.metricsUrl)
}

/** Sends until so many were sent since the start, and says how it goes. Resolves with the vitals of the last moments. */
async function runUntil(total: number): Promise<Vitals> {
  let last = await vitals()
  const tell = async () => {
    last = await vitals()
    const { residentMegabytes, fds, loopDelayP99Ms } = last
    const share = ((100 * load.sent) / requests).toFixed(0).padStart(3)
    const rate = Math.round(load.sent / load.seconds).toLocaleString('en-US')
    const sent = load.sent.toLocaleString('en-US')
    console.log(
      `${share} %  ${sent} requests, ${rate} a second, ${load.unexpected} unexpected; ` +
        `${residentMegabytes.toFixed(0)} MB, ${fds} fds, event loop p99 ${loopDelayP99Ms.toFixed(1)} ms`,
    )
  }
  const timer = setInterval(() => void tell(), progressMs)
  await load.run(total)
  clearInterval(timer)
  await tell()
  return last
}

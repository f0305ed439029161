/**
 * An hour of the admin page under load: one page in a real Chromium, 20 other viewers, requests all the time. Neither the page nor the
 * server may grow, and the viewers may not cost more than 2 % of a core. Prints a table, and exits 1 on a miss.
 *   npm run page-hour -- [--minutes 60] [--rate 50] [--viewers 20]
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { alignTable } from '../../bench/table.ts'
import { machine } from './faults/document.ts'
import { launchBrowser, pageMemory, untilLive } from './page/browser.ts'
import { startFleet, startTraffic } from './page/fleet.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    rate: { type: 'string', default: '50' },
    viewers: { type: 'string', default: '20' },
  },
})
const totalMs = Number(values.minutes) * 60_000
const viewers = Number(values.viewers)

/** What the run may have grown by since its first sample, and what viewers may cost. */
const limits = { serverMegabytes: 16, pageMegabytes: 2, viewersPercent: 2 }
/** Samples after the first one. */
const samples = 6
/** Of the CPU with viewers, and of that without, before each sample. */
const cpuWindowMs = Math.min(60_000, totalMs / samples / 4)

type Sample = {
  readonly minute: number
  readonly residentMegabytes: number
  readonly heapMegabytes: number
  readonly pageMegabytes: number
  readonly nodes: number
  /** Of one core. */
  readonly percentWithViewers: number
  readonly percentWithout: number
}

const fleet = await startFleet('8b-h100')
const { pid } = fleet.scene.signalbox
const stopTraffic = startTraffic(fleet.scene, () => Number(values.rate))
const browser = await launchBrowser()
const taken: Sample[] = []
try {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } })
  await page.goto(fleet.pageUrl)
  await untilLive(page)
  const startMs = performance.now()
  for (let i = 0; i <= samples; i += 1) {
    // The first one is taken when what a new process grows to is there.
    const untilMs = i === 0 ? Math.min(120_000, totalMs / 10) : (i * totalMs) / samples
    const stopViewing = view(viewers)
    await sleep(Math.max(0, startMs + untilMs - performance.now() - 2 * cpuWindowMs))
    const percentWithViewers = await cpuPercent(cpuWindowMs)
    stopViewing()
    const percentWithout = await cpuPercent(cpuWindowMs)
    const { heapBytes, nodes } = await pageMemory(page)
    const sample: Sample = {
      minute: (performance.now() - startMs) / 60_000,
      ...(await serverMemory()),
      pageMegabytes: heapBytes / 1e6,
      nodes,
      percentWithViewers,
      percentWithout,
    }
    taken.push(sample)
    console.log(rowOf(sample).join('  '))
  }
} finally {
  stopTraffic()
  await browser.close()
  await fleet.stop()
}

const misses = missesOf(taken)
const columns = ['minute', 'server RSS, MB', 'heap, MB', 'page heap, MB', 'nodes', 'CPU with viewers', 'without']
console.log(
  `\n${alignTable({
    title: `The admin page for ${values.minutes} minutes, ${viewers} viewers, ${values.rate} requests/s. ${machine()}`,
    columns,
    rows: taken.map(rowOf),
    labelColumns: 0,
  })}`,
)
console.log(`${viewers} viewers cost ${viewersCost(taken).toFixed(2)} % of a core, the mean of all samples`)
for (const miss of misses) console.log(`MISS: ${miss}`)
process.exitCode = misses.length === 0 ? 0 : 1

/** Looks on as so many browsers would, and reads it all. Returns what ends that. */
function view(count: number): () => void {
  const stop = new AbortController()
  const look = async () => {
    const response = await fetch(new URL('state/stream', fleet.pageUrl), { signal: stop.signal })
    if (!response.ok) throw new Error(`a viewer was not let in: ${response.status}`)
    for await (const _ of response.body!) if (stop.signal.aborted) return
  }
  for (let i = 0; i < count; i += 1) look().catch((error) => stop.signal.aborted || Promise.reject(error))
  return () => stop.abort()
}

/** CPU time of Signalbox in the next milliseconds, per cent of one core. */
async function cpuPercent(ms: number): Promise<number> {
  const before = cpuSeconds()
  const startMs = performance.now()
  await sleep(ms)
  return (100_000 * (cpuSeconds() - before)) / (performance.now() - startMs)
}

/** utime and stime of /proc/PID/stat, which count hundredths of a second. */
function cpuSeconds(): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** The least of some scrapes: what is collected next does not count. */
async function serverMemory(): Promise<Pick<Sample, 'residentMegabytes' | 'heapMegabytes'>> {
  let residentMegabytes = Number.POSITIVE_INFINITY
  let heapMegabytes = Number.POSITIVE_INFINITY
  for (let i = 0; i < 20; i += 1) {
    residentMegabytes = Math.min(residentMegabytes, (await fleet.scene.metric('process_resident_memory_bytes')) / 1e6)
    heapMegabytes = Math.min(heapMegabytes, (await fleet.scene.metric('nodejs_heap_size_used_bytes')) / 1e6)
    await sleep(250)
  }
  return { residentMegabytes, heapMegabytes }
}

function rowOf(sample: Sample): string[] {
  const { minute, residentMegabytes, heapMegabytes, pageMegabytes, nodes, percentWithViewers, percentWithout } = sample
  return [
    minute.toFixed(1),
    residentMegabytes.toFixed(1),
    heapMegabytes.toFixed(1),
    pageMegabytes.toFixed(2),
    String(nodes),
    `${percentWithViewers.toFixed(2)} %`,
    `${percentWithout.toFixed(2)} %`,
  ]
}

function viewersCost(all: readonly Sample[]): number {
  const differences = all.map(({ percentWithViewers, percentWithout }) => percentWithViewers - percentWithout)
  return differences.reduce((sum, difference) => sum + difference, 0) / all.length
}

/** The first sample is of a page that has not filled its rings. */
function missesOf(all: readonly Sample[]): string[] {
  const [, first] = all
  const last = all.at(-1)!
  const serverGrowth = last.residentMegabytes - first.residentMegabytes
  const pageGrowth = last.pageMegabytes - first.pageMegabytes
  const cost = viewersCost(all)
  return [
    ...(serverGrowth > limits.serverMegabytes ? [`the server has grown by ${serverGrowth.toFixed(1)} MB`] : []),
    ...(pageGrowth > limits.pageMegabytes ? [`the page has grown by ${pageGrowth.toFixed(1)} MB`] : []),
    ...(cost > limits.viewersPercent ? [`${viewers} viewers cost ${cost.toFixed(2)} % of a core`] : []),
  ]
}

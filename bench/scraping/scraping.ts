import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { scraperLimits } from '../../src/pool/scraper.ts'
import { chatBody } from '../bodies.ts'
import { defaultLoad } from '../driver.ts'
import type { Outcome } from '../e2e.ts'
import { connectExchange } from '../exchange.ts'
import { modelName } from '../peers/resources.ts'
import type { Server } from '../peers/server.ts'
import { startSignalbox } from '../peers/signalbox.ts'
import { cpuSeconds } from '../process-cpu.ts'
import { median, percentile, roundsInWords } from '../statistics.ts'
import { byteSize, type Cell, figure, type Table } from '../table.ts'
import { type ScrapedFleet, startScrapedFleet } from './fleet.ts'

/** Cores that scraping the largest fleet may take, idle and busy, or the benchmark fails. */
const coresTarget = 0.25
const fleetSizes = [10, 100, 1_000]
const rounds = 3
/** What is measured of each state in a round; the system counts CPU time in steps of 10 ms. */
const measuredMs = 10_000
const quickMs = 5_000
/** After a start, and after a change of state. */
const settlingMs = scraperLimits.idleAfterMs + 2_000
/** Enough to keep a pool busy, few enough to cost nothing. */
const betweenRequestsMs = 250
/** No divisor or multiple of an interval of scrapes, which would be met at the same age again and again. */
const betweenSamplesMs = 37

const states = ['idle', 'busy'] as const
type State = (typeof states)[number]

type Sample = {
  readonly cores: number
  readonly scrapesPerSecond: number
  /** Since the last scrape, over all endpoints and moments. */
  readonly ageP50Ms: number
  readonly ageP99Ms: number
  readonly residentBytes: number
}

export type ScrapingPlan = {
  readonly quick: boolean
  readonly directory: string
  readonly say: (line: string) => void
}

/** Measures what it costs signalbox to know its endpoints, and how old what it knows is, with and without requests. */
export async function measureScraping({ quick, directory, say }: ScrapingPlan): Promise<Outcome> {
  const rows: Cell[][] = []
  const misses: string[] = []
  let pageBytes = 0
  for (const size of fleetSizes) {
    const fleet = await startScrapedFleet(size)
    pageBytes = fleet.pageBytes
    const ownDirectory = join(directory, `scraping-${size}`)
    mkdirSync(ownDirectory)
    const signalbox = await startSignalbox(fleet, ownDirectory)
    try {
      const samples: Record<State, Sample[]> = { idle: [], busy: [] }
      for (let round = 1; round <= (quick ? 1 : rounds); round++) {
        for (const state of states) {
          const sample = await measureState(signalbox, fleet, state, quick ? quickMs : measuredMs)
          samples[state].push(sample)
          say(`scraping ${size} endpoints, ${state}: round ${round}: ${figure(sample.cores)} cores`)
        }
      }
      for (const state of states) rows.push(row(size, state, samples[state], misses))
    } finally {
      await signalbox.stop()
      await fleet.stop()
    }
  }
  const table: Table = {
    title: 'Scraping',
    columns: ['endpoints', 'requests', 'cores', 'scrapes/s', 'age p50 ms', 'age p99 ms', 'memory'],
    rows,
    labelColumns: 2,
    note:
      `Pages of ${byteSize(pageBytes)} over loopback. CPU time of signalbox a second, with no request and with ` +
      `${1000 / betweenRequestsMs} a second; the age is what a pick would find at any moment; memory is what is resident ` +
      `at the end. ${roundsInWords(quick ? 1 : rounds)}.`,
  }
  return { tables: [table], misses }
}

async function measureState(signalbox: Server, fleet: ScrapedFleet, state: State, forMs: number): Promise<Sample> {
  const end = new AbortController()
  const requests = state === 'busy' ? sendRequests(signalbox, end.signal) : undefined
  await sleep(settlingMs)
  const ages: number[] = []
  const scrapesBefore = fleet.scrapes
  const cpuBefore = cpuSeconds([signalbox.pid])
  const startedAtMs = performance.now()
  while (performance.now() - startedAtMs < forMs) {
    await sleep(betweenSamplesMs)
    for (const age of fleet.ages()) ages.push(age)
  }
  const seconds = (performance.now() - startedAtMs) / 1000
  const sample = {
    cores: (cpuSeconds([signalbox.pid]) - cpuBefore) / seconds,
    scrapesPerSecond: (fleet.scrapes - scrapesBefore) / seconds,
    ageP50Ms: percentile(ages, 50),
    ageP99Ms: percentile(ages, 99),
    residentBytes: residentBytes(signalbox.pid),
  }
  end.abort()
  await requests
  return sample
}

async function sendRequests({ address }: Server, end: AbortSignal): Promise<void> {
  const connection = connectExchange(address)
  const input = { ...defaultLoad, body: chatBody(1024, 'first', modelName) }
  while (!end.aborted) {
    await connection.run(input)
    await sleep(betweenRequestsMs)
  }
  connection.close()
}

function residentBytes(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kibibytes) * 1024
}

function row(size: number, state: State, samples: readonly Sample[], misses: string[]): Cell[] {
  const of = (value: (sample: Sample) => number) => median(samples.map(value))
  const cores = of((sample) => sample.cores)
  let coresCell: Cell = figure(cores)
  // Written so that a figure that is no number misses too.
  if (size === fleetSizes.at(-1) && !(cores < coresTarget)) {
    coresCell = { text: `${figure(cores)} ≥ ${coresTarget}`, missesTarget: true }
    misses.push(`scraping ${size} endpoints, ${state}: ${figure(cores)} cores, target under ${coresTarget}`)
  }
  return [
    figure(size),
    state === 'busy' ? 'some' : 'none',
    coresCell,
    figure(of((sample) => sample.scrapesPerSecond)),
    figure(of((sample) => sample.ageP50Ms)),
    figure(of((sample) => sample.ageP99Ms)),
    byteSize(of((sample) => sample.residentBytes)),
  ]
}

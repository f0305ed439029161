import pino from 'pino'
import { beforeEach, describe, expect, test } from 'vitest'
import { emptyCatalog } from '../../src/catalog/catalog.ts'
import { Health } from '../../src/extproc/health.ts'
import { LivePools } from '../../src/pool/live-pools.ts'
import { pageTimeoutMs } from '../../src/workers/limits.ts'
import { Workers } from '../../src/workers/workers.ts'
import { ManualClock, settled } from '../pool/manual-clock.ts'
import { serviceOptions } from '../service-options.ts'
import { type FakeProcess, FakeProcesses } from './fake-processes.ts'

let clock: ManualClock
let processes: FakeProcesses
let workers: Workers
let readiness: boolean[]
let problems: number

beforeEach(async () => {
  clock = new ManualClock()
  processes = new FakeProcesses()
  readiness = []
  problems = 0
  const watching = {
    pools: new LivePools(),
    longestIntervalMs: 1000,
    problemCount: () => problems,
    touched() {},
    released() {},
  }
  const health = new (class extends Health {
    override setReady(isReady: boolean): void {
      if (readiness.at(-1) !== isReady) readiness.push(isReady)
    }
  })()
  workers = new Workers({ ...serviceOptions, workers: 2 }, watching, health, {
    clock,
    spawn: processes.spawn,
    log: pino({ level: 'silent' }),
  })
  workers.applied({ catalog: emptyCatalog, endpoints: [] })
  const listening = workers.listen(undefined)
  processes.serveAll()
  await listening
})

/** Reads the page while each worker sends what `answer` has for it. */
async function pageOf(answer: (process: FakeProcess) => string | undefined): Promise<string> {
  const pieces = workers.page.pieces()
  const text = (async () => {
    let all = ''
    for await (const piece of pieces) all += piece
    return all
  })()
  await settled()
  for (const process of processes.all) {
    const page = answer(process)
    if (page !== undefined) process.tell({ kind: 'page', text: page, isLast: true })
  }
  await settled()
  await clock.advance(pageTimeoutMs)
  return text
}

const valueIn = (page: string, series: string): string | undefined =>
  page
    .split('\n')
    .find((line) => line.startsWith(`${series} `))
    ?.slice(series.length + 1)

const requests = (count: number) =>
  '# HELP signalbox_requests_total Requests.\n# TYPE signalbox_requests_total counter\n' +
  `signalbox_requests_total{result="routed"} ${count}\n`

describe('the metrics page', () => {
  const series = 'signalbox_requests_total{result="routed"}'

  test('adds up the counts of all workers', async () => {
    const [first] = processes.all
    const page = await pageOf((process) => requests(process === first ? 3 : 4))
    expect(valueIn(page, series)).toBe('7')
    expect(page.match(/# HELP signalbox_requests_total /g)).toHaveLength(1)
  })

  test('counts what all see alike once, as the process that watches sees it', async () => {
    problems = 2
    const text = '# HELP signalbox_resource_problems Problems.\n# TYPE signalbox_resource_problems gauge\n'
    const page = await pageOf(() => `${text}signalbox_resource_problems 0\n`)
    expect(valueIn(page, 'signalbox_resource_problems')).toBe('2')
    expect(page.match(/^inference_extension_info\{.*\} 1$/m)).not.toBeNull()
  })

  test('does not fall when a worker ends: what it had counted when it was last asked stays', async () => {
    const [first, second] = processes.all
    await pageOf((process) => requests(process === first ? 3 : 4))
    first.end('signal SIGKILL')
    const page = await pageOf((process) => (process === second ? requests(5) : undefined))
    expect(valueIn(page, series)).toBe('8')
  })

  test('comes without a worker that ends while it is asked, or does not answer', async () => {
    const [first, second] = processes.all
    await pageOf((process) => requests(process === first ? 3 : 4))
    const page = await pageOf((process) => {
      if (process === second) second.end()
      return process === first ? requests(4) : undefined
    })
    expect(valueIn(page, series)).toBe('8')
    expect(valueIn(await pageOf(() => undefined), series)).toBe('8')
  })
})

describe('workers are told', () => {
  test('resources when they change, and endpoints alone when only those have', () => {
    const [first] = processes.all
    first.got.length = 0
    workers.applied({ catalog: { ...emptyCatalog }, endpoints: [] })
    const { catalog } = first.got[0] as { catalog?: object }
    expect(catalog).toEqual(emptyCatalog)
  })

  test('endpoints alone when only those have changed', () => {
    const [first] = processes.all
    first.got.length = 0
    const endpoint = { name: 'a', namespace: 'default', address: '10.0.0.1', port: 8000, labels: {} }
    workers.applied({ catalog: emptyCatalog, endpoints: [endpoint] })
    expect(first.got).toEqual([{ kind: 'snapshot', catalog: undefined, endpoints: [endpoint] }])
  })

  test('whether they are ready; one that begins later, too', async () => {
    workers.setReady(true)
    const [first] = processes.all
    expect(first.got.at(-1)).toEqual({ kind: 'ready', isReady: true })
    first.end()
    await clock.advance(1_000)
    expect(processes.all[2].got[0]).toMatchObject({ kind: 'start', isReady: true, snapshot: { endpoints: [] } })
  })
})

test('the service is ready as long as any worker serves', async () => {
  workers.setReady(true)
  const [first, second] = processes.all
  first.end()
  expect(readiness.at(-1)).toBe(true)
  second.end()
  expect(readiness.at(-1)).toBe(false)
  await clock.advance(1_000)
  processes.all[2].tell({ kind: 'serving', port: 9002 })
  expect(readiness.at(-1)).toBe(true)
  workers.setReady(false)
  expect(readiness.at(-1)).toBe(false)
})

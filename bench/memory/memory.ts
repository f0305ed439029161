import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ModelPosition } from '../bodies.ts'
import { type Goal, judge, judgeFailures } from '../goal.ts'
import { startFleet } from '../peers/fleet.ts'
import { startSignalbox } from '../peers/signalbox.ts'
import type { PartReport } from '../report.ts'
import { byteSize, type Cell, figure, type Table } from '../table.ts'
import { type Shape, sendAllButLast } from './requests.ts'

const kilobyte = 1 << 10
const megabyte = 1 << 20
const bodyBytes = megabyte

type Case = {
  readonly position: ModelPosition
  readonly readsEcho: boolean
  readonly requests: number
  /** KB of a request. */
  readonly perRequest: Goal
  /** MB of the process. */
  readonly all?: Goal
}

/** Many, so that what the program needs for any load at all is little of each. */
const cases: readonly Case[] = [
  { position: 'first', readsEcho: true, requests: 2000, perRequest: { atMost: 128 }, all: { atMost: 512 } },
  { position: 'first', readsEcho: false, requests: 2000, perRequest: { atMost: 128 }, all: { atMost: 512 } },
  // As many as --max-total-held-bytes has room for.
  { position: 'last', readsEcho: true, requests: 400, perRequest: { atMost: bodyBytes / kilobyte } },
]

/** Before the first figure: what the program needs once is not any request's. */
const warmUpRequests = 50
const warmUpBodyBytes = 4 * kilobyte
/** Memory is looked at so often, for so long; the least of it counts, as what waits to be collected is no request's. */
const looks = 20
const lookEveryMs = 250

export type MemoryPlan = {
  readonly directory: string
  readonly say: (line: string) => void
}

/** What signalbox keeps in memory for requests in flight, each case in a process of its own. */
export async function measureMemory({ directory, say }: MemoryPlan): Promise<PartReport> {
  const misses: string[] = []
  const rows: Cell[][] = []
  const fleet = await startFleet()
  try {
    for (const each of cases) {
      const { position, readsEcho, requests } = each
      const label = `${requests} requests, model ${position}, echo ${readsEcho ? 'read' : 'not read'}`
      say(`memory: ${label}`)
      const server = await startSignalbox(fleet, directory)
      try {
        await finishAll(server.address, warmUpRequests, { bodyBytes: warmUpBodyBytes, position, readsEcho: true })
        const before = await residentBytes(server.pid)
        const inFlight = await sendAllButLast(server.address, requests, { bodyBytes, position, readsEcho })
        const during = await residentBytes(server.pid)
        const finished = await inFlight.finish()
        inFlight.close()
        const perRequestKb = (during - before) / requests / kilobyte
        rows.push([
          position,
          readsEcho ? 'yes' : 'no',
          figure(requests),
          figure(inFlight.sentBytes / requests / kilobyte),
          figure(inFlight.receivedBytes / requests / kilobyte),
          figure(before / megabyte),
          judge(during / megabyte, each.all, `memory, ${label}: MB resident`, misses),
          judge(perRequestKb, each.perRequest, `memory, ${label}: KB of a request`, misses),
          judgeFailures(requests - finished, `memory, ${label}: requests`, misses),
        ])
      } finally {
        await server.stop()
      }
    }
  } finally {
    await fleet.stop()
  }
  const table: Table = {
    title: `Requests of ${byteSize(bodyBytes)} in flight`,
    columns: [
      'model',
      'echo read',
      'requests',
      'KB sent',
      'KB back',
      'MB before',
      'MB in flight',
      'KB/request',
      'failed',
    ],
    rows,
    labelColumns: 2,
    note:
      'Full duplex, 4 connections; of each body all has been sent but its last 16 KiB, as far as flow control lets it (KB sent ' +
      'of a request; KB back is its echo). ' +
      'Memory is what is resident; of a request, what has been added since all were idle. Then the last parts are sent, and each ' +
      'request has to come to its end.',
  }
  return { micro: [], tables: [table], misses, leftOut: [] }
}

async function finishAll(address: string, count: number, shape: Shape): Promise<void> {
  const inFlight = await sendAllButLast(address, count, shape)
  await inFlight.finish()
  inFlight.close()
}

/** Bytes that are resident once they have settled. */
async function residentBytes(pid: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < looks; look++) {
    await sleep(lookEveryMs)
    least = Math.min(least, residentNow(pid))
  }
  return least
}

/** VmRSS of /proc/PID/status (proc_pid_status(5)). */
function residentNow(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) * kilobyte
}

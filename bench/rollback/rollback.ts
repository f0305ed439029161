import { setTimeout as sleep } from 'node:timers/promises'
import { findEnvoy } from '../../src/demo/envoy-binary.ts'
import { quantileOf } from '../../src/rollout/tally.ts'
import { secondsText } from '../../src/rollout/words.ts'
import type { Injection } from '../../src/sim/faults.ts'
import { seededRandom } from '../../src/sim/random.ts'
import type { PartReport } from '../report.ts'
import { type Cell, figure, type Table } from '../table.ts'
import { RolloutStage, steadyTraffic } from './stage.ts'

const perSecond = 50
const users = 2_000
/** Of a server, and a tenth more for what is before it: so twice as long is twice as long to the client. */
const ttftMs = 250
const steps = '0.5% for 10m, 100%'
/** A target that is as good as the stable one is watched for so long. */
const goodMs = 60_000
/** Users that may meet a bad target: the first step's, and half a percentage point. */
const exposedTarget = 0.01
const secondsTarget = 60
/** A bad target that is not rolled back by then is given up. */
const longestMs = 180_000
/** What goes on after the rollback: nobody may meet the target any more. */
const afterwardsMs = 5_000

type Kind = { readonly name: string; readonly faults: readonly Injection[]; readonly isGood?: true }

const kinds: readonly Kind[] = [
  { name: 'all requests fail', faults: [{ kind: 'status', code: 500 }] },
  { name: 'half of them fail', faults: [{ kind: 'status', code: 500, rate: 0.5 }] },
  { name: 'first token after twice the time', faults: [{ kind: 'stall', forMs: ttftMs * 1.1 }] },
  { name: 'as good as the stable one', faults: [], isGood: true },
]

type Run = {
  /** From the moment at which the target got its weight; undefined when it was not rolled back. */
  readonly seconds: number | undefined
  readonly exposed: number
  readonly failed: number
  readonly requests: number
  readonly ttftP90: readonly [target: string, stable: string]
}

export type RollbackPlan = { readonly quick: boolean; readonly say: (line: string) => void }

/** Measures how soon a bad target is rolled back behind a real Envoy, and how many users meet it until then. */
export async function measureRollback({ quick, say }: RollbackPlan): Promise<Partial<PartReport>> {
  const envoy = await findEnvoy(process.env, say)
  const rows: Cell[][] = []
  const misses: string[] = []
  for (const kind of kinds) {
    for (let round = 1; round <= (quick ? 1 : 3); round += 1) {
      const run = await measure(envoy, kind, rows.length + 1)
      say(`rollback, ${kind.name}, run ${round}: ${run.seconds === undefined ? 'none' : `${figure(run.seconds)} s`}`)
      rows.push(row(kind, round, run, misses))
    }
  }
  const table: Table = {
    title: 'From the first request to the rollback',
    columns: [
      'the target',
      'run',
      'rolled back after s',
      'users exposed',
      'share',
      'requests',
      'failed',
      'TTFT p90',
      'stable',
    ],
    rows,
    labelColumns: 2,
    note:
      `A real Envoy, Signalbox, five simulated servers, and signalbox rollout drive. ${perSecond} requests a second of ` +
      `${users} users, each at random; first step 0.5 %; the target is bad from the beginning. Exposed are users of whom a model ` +
      `server has seen a request for the target. Targets: ${secondsTarget} s, ${exposedTarget * 100} % of the users.`,
  }
  return { tables: [table], misses }
}

async function measure(envoy: string, { faults, isGood }: Kind, seed: number): Promise<Run> {
  const stage = await RolloutStage.start({ envoy, steps, latencyProfile: '8b-h100' })
  const ended = new AbortController()
  try {
    for (const server of stage.gateway.servers) server.configure({ latency: { ttftMs } })
    stage.setFaults(faults)
    // Other names of users are other hashes: each run has a first step of its own.
    const named = { ask: (user: string) => stage.ask(`${seed}-${user}`) }
    const traffic = steadyTraffic(named, { perSecond, users }, seededRandom(seed, 1), ended.signal)
    await until(async () => (await stage.progress())?.phase === 'Progressing')
    const startMs = performance.now()
    const isOver = async () => (await stage.progress())?.phase === 'RolledBack'
    const isRolledBack = await until(isOver, isGood ? goodMs : longestMs)
    const seconds = isRolledBack ? (performance.now() - startMs) / 1000 : undefined
    if (isRolledBack) await sleep(afterwardsMs)
    const statuses = await ending(ended, traffic)
    const { seen } = (await stage.progress())!
    const p90 = (side: 'target' | 'stable') => {
      const value = quantileOf(seen[side].ttft, 0.9)
      return value === undefined ? '-' : secondsText(value)
    }
    const requests = [...statuses.values()].reduce((sum, count) => sum + count, 0)
    return {
      seconds,
      exposed: stage.exposedUsers().size,
      failed: requests - (statuses.get(200) ?? 0),
      requests,
      ttftP90: [p90('target'), p90('stable')],
    }
  } finally {
    ended.abort()
    await stage.stop()
  }
}

function ending<T>(ended: AbortController, traffic: Promise<T>): Promise<T> {
  ended.abort()
  return traffic
}

/** False when the time is over before. */
async function until(isSo: () => Promise<boolean>, forMs = 30_000): Promise<boolean> {
  const endMs = performance.now() + forMs
  while (performance.now() < endMs) {
    if (await isSo()) return true
    await sleep(50)
  }
  return false
}

function row({ name, isGood }: Kind, round: number, run: Run, misses: string[]): Cell[] {
  const share = run.exposed / users
  const isLate = !isGood && !((run.seconds ?? Number.POSITIVE_INFINITY) <= secondsTarget)
  const isWide = share > exposedTarget
  if (isLate) misses.push(`${name}, run ${round}: not rolled back within ${secondsTarget} s`)
  if (isWide) misses.push(`${name}, run ${round}: ${figure(share * 100)} % of the users were exposed`)
  if (isGood && run.seconds !== undefined) misses.push(`${name}, run ${round}: rolled back`)
  const marked = (text: string, isMissed: boolean): Cell => (isMissed ? { text, missesTarget: true } : text)
  return [
    name,
    String(round),
    marked(
      run.seconds === undefined ? 'not' : figure(run.seconds),
      isLate || (isGood === true && run.seconds !== undefined),
    ),
    String(run.exposed),
    marked(`${figure(share * 100)} %`, isWide),
    String(run.requests),
    String(run.failed),
    ...run.ttftP90,
  ]
}

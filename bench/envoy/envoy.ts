import { chatBody, type ModelPosition, modelPositions } from '../bodies.ts'
import { type Outcome, referencePair, subject } from '../e2e.ts'
import { type Goal, judge, judgeFailures } from '../goal.ts'
import { modelName } from '../peers/resources.ts'
import { cpuSeconds } from '../process-cpu.ts'
import { median, roundsInWords } from '../statistics.ts'
import { byteSize, type Cell, figure, type Table } from '../table.ts'
import { chatPath, type Gateway, receivedBytes } from './gateways.ts'
import { runWrk, type WrkLoad } from './wrk.ts'

/** How the rate of signalbox has to be to the reference's, and what it adds to the latency of a lone request. */
const goals: readonly { bodyBytes: number; rate: Goal; added: Goal }[] = [
  { bodyBytes: 1 << 10, rate: { atLeast: 2.5 }, added: { atMost: 0.4 } },
  { bodyBytes: 200 << 10, rate: { atLeast: 5 }, added: { atMost: 0.1 } },
]
const sizes = [1 << 10, 200 << 10, 1 << 20]
const connections = 16
const rounds = 3
const whole = { warmUpSeconds: 2, loadSeconds: 4, aloneSeconds: 2 }
const quick = { warmUpSeconds: 1, loadSeconds: 2, aloneSeconds: 1 }

export type GatewayPlan = {
  /** The first has no ext_proc server, the second is signalbox's. */
  readonly gateways: readonly Gateway[]
  readonly envoyPid: number
  readonly modelServersPid: number
  readonly quick: boolean
  readonly say: (line: string) => void
}

type Shape = { readonly bodyBytes: number; readonly position: ModelPosition }

type Sample = {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** With one connection: what a lone request waits. */
  readonly aloneMs: number
  /** Of a request, by who spends it. */
  readonly cpuMicros: Readonly<Record<Spender, number>>
  readonly failures: number
}

const spenders = ['servers', 'Envoy', 'model servers', 'wrk'] as const
type Spender = (typeof spenders)[number]

/** Measures the listeners of one Envoy side by side, interleaved: the same load through each, the median of the rounds. */
export async function measureGateways(plan: GatewayPlan): Promise<Outcome> {
  const { gateways, say } = plan
  const roundCount = plan.quick ? 1 : rounds
  const misses: string[] = []
  const rows: Cell[][] = []
  for (const bodyBytes of sizes) {
    for (const position of modelPositions) {
      const label = `${byteSize(bodyBytes)}, ${position}`
      const samples = new Map<Gateway, Sample[]>(gateways.map((gateway) => [gateway, []]))
      say(`Envoy Gateway, ${label}: warming up`)
      for (const gateway of gateways) misses.push(...(await warmUp(plan, gateway, { bodyBytes, position })))
      for (let round = 1; round <= roundCount; round++) {
        for (const gateway of gateways) {
          const sample = await measureGateway(plan, gateway, { bodyBytes, position })
          samples.get(gateway)!.push(sample)
          const { requestsPerSecond, aloneMs } = sample
          say(
            `Envoy Gateway, ${label}: round ${round}, ${gateway.name}: ${figure(requestsPerSecond)} req/s, alone ${figure(aloneMs)} ms`,
          )
        }
      }
      rows.push(...shapeRows(plan, { bodyBytes, position }, samples, misses))
    }
  }
  const table: Table = {
    title: 'Through a real Envoy Gateway',
    columns: [
      'body, model',
      'gateway',
      'req/s',
      `req/s of ${subject} ×`,
      'p50 ms',
      'p99 ms',
      'p50 ms alone',
      'added ms alone',
      `added by ${subject} ×`,
      ...spenders.map((name) => `${name} CPU µs`),
      'failed',
    ],
    rows,
    labelColumns: 2,
    note:
      `One Envoy, a listener each; wrk with ${connections} connections (alone: 1); full duplex, routed by X-Gateway-Model-Name, ` +
      'to the model server that was picked. × is how many times the figure of signalbox is that of the row; added: to the ' +
      `listener without ext_proc. CPU time is that of a request. ${roundsInWords(roundCount)}. ` +
      'wrk, Envoy, servers and model servers share the machine.',
  }
  return { tables: [table], misses }
}

async function warmUp(plan: GatewayPlan, { name, url }: Gateway, shape: Shape): Promise<string[]> {
  const { warmUpSeconds } = plan.quick ? quick : whole
  const load = loadOf(url, shape)
  const received = await receivedBytes(url, load.body)
  await runWrk({ ...load, connections, seconds: warmUpSeconds })
  return received === load.body.length
    ? []
    : [`${name}: ${received} bytes reached the model server of ${load.body.length}`]
}

async function measureGateway(plan: GatewayPlan, { url, servers }: Gateway, shape: Shape): Promise<Sample> {
  const { loadSeconds, aloneSeconds } = plan.quick ? quick : whole
  const load = loadOf(url, shape)
  const pids: Record<Exclude<Spender, 'wrk'>, number[]> = {
    servers: servers.map((server) => server.pid),
    Envoy: [plan.envoyPid],
    'model servers': [plan.modelServersPid],
  }
  const spent = () => Object.values(pids).map(cpuSeconds)
  const before = spent()
  const loaded = await runWrk({ ...load, connections, seconds: loadSeconds })
  const seconds = [...spent().map((after, i) => after - before[i]), loaded.cpuSeconds]
  const alone = await runWrk({ ...load, connections: 1, seconds: aloneSeconds })
  const cpuMicros = Object.fromEntries(spenders.map((name, i) => [name, (seconds[i] * 1e6) / loaded.completed]))
  const failures = loaded.failures + alone.failures
  return { ...loaded, aloneMs: alone.p50Ms, cpuMicros: cpuMicros as Record<Spender, number>, failures }
}

function loadOf(url: string, { bodyBytes, position }: Shape): Pick<WrkLoad, 'url' | 'path' | 'body'> {
  return { url, path: chatPath, body: chatBody(bodyBytes, position, modelName) }
}

function shapeRows(
  { gateways }: GatewayPlan,
  { bodyBytes, position }: Shape,
  samples: ReadonlyMap<Gateway, readonly Sample[]>,
  misses: string[],
): Cell[][] {
  const label = `${byteSize(bodyBytes)}, ${position}`
  const [bare, own] = gateways.map((gateway) => samples.get(gateway)!)
  const added = (all: readonly Sample[], round: number) => all[round].aloneMs - bare[round].aloneMs
  return gateways.map((gateway) => {
    const mine = samples.get(gateway)!
    const of = (value: (sample: Sample, round: number) => number) => median(mine.map(value))
    const goal = gateway.name === referencePair ? goals.find((each) => each.bodyBytes === bodyBytes) : undefined
    const what = `Envoy Gateway, ${label}: signalbox to ${gateway.name}`
    // Within a round, as what else the machine does changes from round to round.
    const rate = of(({ requestsPerSecond }, round) => own[round].requestsPerSecond / requestsPerSecond)
    const addedShare = of((_, round) => added(own, round) / added(mine, round))
    const isBare = gateway.servers.length === 0
    return [
      label,
      gateway.name,
      figure(of(({ requestsPerSecond }) => requestsPerSecond)),
      judge(rate, goal?.rate, `${what}, requests a second`, misses),
      figure(of(({ p50Ms }) => p50Ms)),
      figure(of(({ p99Ms }) => p99Ms)),
      figure(of(({ aloneMs }) => aloneMs)),
      isBare ? '–' : figure(of((_, round) => added(mine, round))),
      isBare ? '–' : judge(addedShare, goal?.added, `${what}, added latency`, misses),
      ...spenders.map((name) => figure(of(({ cpuMicros }) => cpuMicros[name]))),
      judgeFailures(
        mine.reduce((sum, { failures }) => sum + failures, 0),
        `Envoy Gateway, ${label}: requests through ${gateway.name}`,
        misses,
      ),
    ]
  })
}

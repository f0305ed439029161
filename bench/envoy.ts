import { Command, Option } from 'commander'
import { modelPositions } from './bodies.ts'
import type { Outcome } from './e2e.ts'
import { driveGateway, type GatewayLoad, type GatewayResult, hasWrk, wrkThroughput } from './gateway-load.ts'
import { wholeNumber } from './options.ts'
import type { Gateway } from './peers/gateways.ts'
import { modelName } from './peers/resources.ts'
import { cpuSeconds } from './process-cpu.ts'
import { median, roundsInWords } from './statistics.ts'
import { byteSize, type Cell, figure } from './table.ts'

const defaultLoad: Omit<GatewayLoad, 'url'> = {
  path: '/v1/chat/completions',
  model: modelName,
  position: 'first',
  bodyBytes: 1024,
  connections: 16,
  seconds: 2,
}
const sizes = [1 << 10, 16 << 10, 220 << 10, 1 << 20]
const rounds = 3
const quickSeconds = 1
const aloneSeconds = 1

export type GatewayPlan = {
  readonly gateways: readonly Gateway[]
  readonly envoyPid: number
  readonly quick: boolean
  readonly say: (line: string) => void
}

type Sample = GatewayResult & {
  readonly serverMicros: number
  readonly envoyMicros: number
  /** With one connection: what a lone request waits. */
  readonly aloneMs: number
}

/** Measures gateways of one Envoy side by side, interleaved: the same load through each, the median of the rounds. */
export async function measureGateways(plan: GatewayPlan): Promise<Outcome> {
  const { gateways, say } = plan
  const wrk = await hasWrk()
  const roundCount = plan.quick ? 1 : rounds
  const misses: string[] = []
  const rows: Cell[][] = []
  say('Envoy: warming up')
  for (const gateway of gateways) await driveGateway({ ...defaultLoad, url: gateway.url })
  for (const bodyBytes of sizes) {
    for (const position of modelPositions) {
      const label = `${byteSize(bodyBytes)}, ${position}`
      const samples = new Map<Gateway, Sample[]>(gateways.map((gateway) => [gateway, []]))
      for (let round = 1; round <= roundCount; round++) {
        for (const gateway of gateways) {
          say(`Envoy, ${label}: round ${round}, ${gateway.name}`)
          samples.get(gateway)!.push(await measureGateway(plan, gateway, wrk, { bodyBytes, position }))
        }
      }
      for (const [gateway, own] of samples) rows.push(gatewayRow(label, gateway, own, misses))
    }
  }
  const table = {
    title: 'Through a real Envoy',
    columns: [
      'body, model',
      'gateway',
      'req/s',
      'p50 ms',
      'p99 ms',
      'p50 ms alone',
      'servers CPU µs/request',
      'Envoy CPU µs/request',
      'failed',
    ],
    rows,
    labelColumns: 2,
    note:
      `One Envoy, ${defaultLoad.connections} connections (alone: 1)${wrk ? ', req/s by wrk' : ''}; full duplex, routed by ` +
      `X-Gateway-Model-Name; ${roundsInWords(roundCount)}. Client, Envoy, servers and model server share the machine.`,
  }
  return { tables: [table], misses }
}

async function measureGateway(
  { envoyPid, quick }: GatewayPlan,
  { url, servers }: Gateway,
  wrk: boolean,
  shape: Pick<GatewayLoad, 'bodyBytes' | 'position'>,
): Promise<Sample> {
  const load = { ...defaultLoad, ...shape, url, seconds: quick ? quickSeconds : defaultLoad.seconds }
  const serverPids = servers.map((server) => server.pid)
  const before = { servers: cpuSeconds(serverPids), envoy: cpuSeconds([envoyPid]) }
  const result = await driveGateway(load)
  const microsPerRequest = (cpu: number) => (cpu * 1e6) / (result.completed + failureCount(result))
  const serverMicros = microsPerRequest(cpuSeconds(serverPids) - before.servers)
  const envoyMicros = microsPerRequest(cpuSeconds([envoyPid]) - before.envoy)
  const alone = await driveGateway({ ...load, seconds: aloneSeconds, connections: 1 })
  const requestsPerSecond = wrk ? await wrkThroughput(load) : result.requestsPerSecond
  return { ...result, requestsPerSecond, serverMicros, envoyMicros, aloneMs: alone.p50Ms }
}

function gatewayRow(label: string, { name, servers }: Gateway, samples: Sample[], misses: string[]): Cell[] {
  const middle = (value: (sample: Sample) => number) => figure(median(samples.map(value)))
  const failures = samples.reduce((sum, sample) => sum + failureCount(sample), 0)
  if (failures > 0) misses.push(`Envoy, ${label}: ${failures} requests through ${name} failed`)
  return [
    label,
    name,
    middle((sample) => sample.requestsPerSecond),
    middle((sample) => sample.p50Ms),
    middle((sample) => sample.p99Ms),
    middle((sample) => sample.aloneMs),
    servers.length > 0 ? middle((sample) => sample.serverMicros) : '–',
    middle((sample) => sample.envoyMicros),
    failures > 0 ? { text: String(failures), missesTarget: true } : '0',
  ]
}

const failureCount = ({ failures }: GatewayResult) => Object.values(failures).reduce((sum, count) => sum + count, 0)

async function main(): Promise<void> {
  const command = new Command('envoy')
    .description('Drives an HTTP gateway with chat requests and prints one line of JSON.')
    .requiredOption('--url <url>', 'the gateway, e.g. http://127.0.0.1:8080')
    .addOption(new Option('--position <position>', 'where model stands').choices(modelPositions).default('first'))
    .option('--path <path>', 'request path', defaultLoad.path)
    .option('--model <name>', 'model name', defaultLoad.model)
    .option('--body-bytes <n>', 'size of the body', wholeNumber, defaultLoad.bodyBytes)
    .option('--connections <n>', 'keep-alive connections', wholeNumber, defaultLoad.connections)
    .option('--seconds <n>', 'how long', wholeNumber, defaultLoad.seconds)
    .option('--pid <pid...>', 'processes whose CPU time to report, with their children', (pid, pids: number[] = []) => [
      ...pids,
      wholeNumber(pid),
    ])
    .parse()
  const { pid: pids = [], ...load } = command.opts<GatewayLoad & { pid?: number[] }>()
  const before = pids.map((pid) => cpuSeconds([pid]))
  const result = await driveGateway(load)
  const requests = result.completed + failureCount(result)
  const cpuMicrosPerRequest = Object.fromEntries(
    pids.map((pid, i) => [pid, ((cpuSeconds([pid]) - before[i]) * 1e6) / requests]),
  )
  const wrk = (await hasWrk()) ? { wrkRequestsPerSecond: await wrkThroughput(load) } : {}
  console.log(JSON.stringify({ ...result, cpuMicrosPerRequest, ...wrk }))
  if (failureCount(result) > 0) process.exitCode = 1
}

if (import.meta.main) await main()

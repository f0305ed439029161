import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { styleText } from 'node:util'
import { Command, Option } from 'commander'
import { findEnvoy } from '../src/demo/envoy-binary.ts'
import { findParts, partsHelp } from '../test/real/parts.ts'
import { measureEndToEnd, type Outcome, referencePair, subject, type Target } from './e2e.ts'
import { measureGateways } from './envoy.ts'
import { loadGenerator } from './load.ts'
import { runMicro } from './micro.ts'
import { parsePeer } from './options.ts'
import { type Fleet, startFleet } from './peers/fleet.ts'
import { startGateways } from './peers/gateways.ts'
import { referenceParts, startReference } from './peers/reference.ts'
import type { Server } from './peers/server.ts'
import { startSignalbox } from './peers/signalbox.ts'
import { type Part, type PartReport, parts, reportMarkdown } from './report.ts'
import { measureResponses } from './responses/responses.ts'
import { measureRoutes } from './routes/routes.ts'
import { measureScraping } from './scraping/scraping.ts'
import { alignTable } from './table.ts'
import { measureTraces } from './traces/traces.ts'

type Options = {
  readonly quick: boolean
  readonly only?: Part
  readonly peer: readonly Server[]
  readonly config?: string
}

type Reports = Partial<Record<Part, PartReport>>

/** Stops what was started, last first. */
type Closers = (() => Promise<void>)[]

const resultsFile = join(import.meta.dirname, 'RESULTS.md')
const fleetSize = 4

const say = (line: string) => console.error(line)

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args)
  const wants = (part: Part) => options.only === undefined || options.only === part
  const reports: Reports = {}

  if (wants('micro')) reports.micro = { ...nothingFound, micro: await runMicro(say) }
  if (wants('e2e') || wants('responses') || wants('envoy')) Object.assign(reports, await measureServers(options))
  if (wants('scraping')) {
    const outcome = await inWorkspace((directory) => measureScraping({ quick: options.quick, directory, say }))
    reports.scraping = { ...nothingFound, ...outcome }
  }
  if (wants('routes')) {
    reports.routes = await inWorkspace((directory) => measureRoutes({ quick: options.quick, directory, say }))
  }
  if (wants('traces')) reports.traces = await inWorkspace((workspace) => measureTraces(options, workspace, say))

  for (const { micro, tables, leftOut, misses } of Object.values(reports)) {
    for (const { name, text } of micro) console.log(`Micro: ${name}\n${text}\n`)
    for (const table of tables) console.log(`${alignTable(table)}\n`)
    for (const line of leftOut) console.log(`left out: ${line}`)
    for (const miss of misses) console.log(`missed: ${styleText('red', miss)}`)
    if (misses.length > 0) process.exitCode = 1
  }
  const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ')
  writeFileSync(resultsFile, reportMarkdown(readResults(), command, reports))
  say(`written: ${resultsFile}`)
}

const nothingFound: PartReport = { micro: [], tables: [], misses: [], leftOut: [] }

function readResults(): string {
  return existsSync(resultsFile) ? readFileSync(resultsFile, 'utf8') : ''
}

function parseOptions(args: readonly string[]): Options {
  return new Command('npm run bench --')
    .description(
      'Measures hot functions, signalbox beside its peers, and both behind real gateways. Writes bench/RESULTS.md; parts that are not run keep what stands there.',
    )
    .option('--quick', 'fewer requests and one round, for a first look (not for bench/micro)', false)
    .addOption(new Option('--only <part>', 'one part of it').choices(parts))
    .option(
      '--peer <name=host:port,pid>',
      'a running plaintext ext_proc server to compare with (repeatable; not in traces)',
      (text, peers: Server[]) => [...peers, parsePeer(text)],
      [],
    )
    .option('--config <file>', "EndpointPickerConfig for signalbox in traces (default: signalbox's own)", (path) =>
      resolve(path),
    )
    .addHelpText(
      'after',
      `\nEnvironment:\n${partsHelp()}\n\nEnvoy comes from ENVOY_BIN, PATH or a download, as for the demo.`,
    )
    .parse(args, { from: 'user' })
    .opts<Options>()
}

async function inWorkspace<T>(work: (workspace: string) => Promise<T>): Promise<T> {
  const workspace = mkdtempSync(join(tmpdir(), 'signalbox-bench-'))
  process.once('exit', () => rmSync(workspace, { recursive: true, force: true }))
  return work(workspace)
}

/** Starts the fleet, signalbox and its peers; measures; stops them all. */
function measureServers(options: Options): Promise<Reports> {
  return inWorkspace(async (workspace) => {
    const closers: Closers = []
    const leftOut: string[] = []
    const reports: Reports = {}
    try {
      say('starting signalbox and its peers')
      const fleet = await startFleet(fleetSize)
      closers.push(fleet.stop)
      const targets = await startTargets(options, fleet, workspace, closers, leftOut)
      const wants = (part: Part) => options.only === undefined || options.only === part
      if (wants('e2e')) {
        const { EPLOAD } = findParts(['EPLOAD']).found
        const outcome = await measureEndToEnd({ targets, generator: loadGenerator(EPLOAD), quick: options.quick, say })
        reports.e2e = { micro: [], leftOut: [...leftOut], ...outcome }
      }
      if (wants('responses')) {
        const [{ servers: own }, pair] = targets
        const reference = pair?.name === referencePair ? pair.servers[1] : undefined
        const outcome = await measureResponses({ subject: own[0], reference, quick: options.quick, say })
        reports.responses = { micro: [], leftOut: [...leftOut], ...outcome }
      }
      if (wants('envoy')) {
        const outcome = await measureBehindEnvoy(options, targets, workspace, closers, leftOut)
        reports.envoy = { micro: [], leftOut, ...outcome }
      }
      return reports
    } finally {
      for (const close of closers.reverse()) await close()
    }
  })
}

async function startTargets(
  { peer }: Options,
  fleet: Fleet,
  workspace: string,
  closers: Closers,
  leftOut: string[],
): Promise<Target[]> {
  const signalbox = await startSignalbox(fleet, workspace)
  closers.push(signalbox.stop)
  const targets: Target[] = [{ name: subject, servers: [signalbox] }]

  const { found, missing } = findParts(referenceParts)
  if (missing.length === 0) {
    const reference = await startReference(found, fleet, workspace)
    closers.push(reference.stop)
    targets.push({ name: referencePair, servers: [reference.router, reference.picker] })
  } else {
    leftOut.push(...missing.map((what) => `${referencePair}: ${what}`))
  }
  return [...targets, ...peer.map((server) => ({ name: server.name, servers: [server] }))]
}

async function measureBehindEnvoy(
  { quick }: Options,
  targets: readonly Target[],
  workspace: string,
  closers: Closers,
  leftOut: string[],
): Promise<Outcome> {
  let envoyBinary: string
  try {
    envoyBinary = await findEnvoy(process.env, say)
  } catch (error) {
    leftOut.push(`Envoy: ${(error as Error).message}`)
    return { tables: [], misses: [] }
  }
  const chains = [{ name: 'no ext_proc', servers: [] }, ...targets]
  const { gateways, envoyPid, stop } = await startGateways(envoyBinary, chains, workspace)
  closers.push(stop)
  return measureGateways({ gateways, envoyPid, quick, say })
}

// A signal would end the process without its exit handlers.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

await main(process.argv.slice(2)).catch((error) => {
  say(`bench: ${error.message}`)
  process.exitCode = 1
})

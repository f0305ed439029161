import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { findEnvoy } from '../src/demo/envoy-binary.ts'
import { measureEndToEnd, type Outcome, referencePair, subject, type Target } from './e2e.ts'
import { measureGateways } from './envoy.ts'
import { loadGenerator } from './load.ts'
import { runMicro } from './micro.ts'
import { parsePeer } from './options.ts'
import { type Fleet, startFleet } from './peers/fleet.ts'
import { startGateways } from './peers/gateways.ts'
import { findParts, partsHelp } from './peers/parts.ts'
import { referenceParts, startReference } from './peers/reference.ts'
import type { Server } from './peers/server.ts'
import { startSignalbox } from './peers/signalbox.ts'
import { reportMarkdown } from './report.ts'
import { alignTable } from './table.ts'

type Part = 'micro' | 'e2e' | 'envoy'
type Options = { readonly quick: boolean; readonly only?: Part; readonly peer: readonly Server[] }

/** Stops what was started, last first. */
type Closers = (() => Promise<void>)[]

const resultsFile = join(import.meta.dirname, 'RESULTS.md')
const fleetSize = 4

const say = (line: string) => console.error(line)

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args)
  const wants = (part: Part) => options.only === undefined || options.only === part
  const leftOut: string[] = []

  const micro = wants('micro') ? await runMicro(say) : []
  const { tables, misses } = wants('e2e') || wants('envoy') ? await measureServers(options, leftOut) : nothingMeasured

  for (const { name, text } of micro) console.log(`Micro: ${name}\n${text}\n`)
  for (const table of tables) console.log(`${alignTable(table)}\n`)
  for (const line of leftOut) console.log(`left out: ${line}`)
  for (const miss of misses) console.log(`missed: ${miss}`)
  const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ')
  writeFileSync(resultsFile, reportMarkdown({ command, micro, tables, misses, leftOut }))
  say(`written: ${resultsFile}`)
  if (misses.length > 0) process.exitCode = 1
}

const nothingMeasured: Outcome = { tables: [], misses: [] }

function parseOptions(args: readonly string[]): Options {
  return new Command('npm run bench --')
    .description(
      'Measures hot functions, signalbox beside its peers, and both behind a real Envoy. Writes bench/RESULTS.md.',
    )
    .option('--quick', 'fewer requests and one round, for a first look (not for bench/micro)', false)
    .addOption(new Option('--only <part>', 'one part of it').choices(['micro', 'e2e', 'envoy']))
    .option(
      '--peer <name=host:port,pid>',
      'a running plaintext ext_proc server to compare with (repeatable)',
      (text, peers: Server[]) => [...peers, parsePeer(text)],
      [],
    )
    .addHelpText(
      'after',
      `\nEnvironment:\n${partsHelp()}\n\nEnvoy comes from ENVOY_BIN, PATH or a download, as for the demo.`,
    )
    .parse(args, { from: 'user' })
    .opts<Options>()
}

/** Starts the fleet, signalbox and its peers; measures; stops them all. */
async function measureServers(options: Options, leftOut: string[]): Promise<Outcome> {
  const workspace = mkdtempSync(join(tmpdir(), 'signalbox-bench-'))
  process.once('exit', () => rmSync(workspace, { recursive: true, force: true }))
  const closers: Closers = []
  try {
    say('starting signalbox and its peers')
    const fleet = await startFleet(fleetSize)
    closers.push(fleet.stop)
    const targets = await startTargets(options, fleet, workspace, closers, leftOut)
    const outcomes: Outcome[] = []
    if (options.only !== 'envoy') {
      const { EPLOAD } = findParts(['EPLOAD']).found
      outcomes.push(await measureEndToEnd({ targets, generator: loadGenerator(EPLOAD), quick: options.quick, say }))
    }
    if (options.only !== 'e2e') outcomes.push(await measureBehindEnvoy(options, targets, workspace, closers, leftOut))
    return {
      tables: outcomes.flatMap((outcome) => outcome.tables),
      misses: outcomes.flatMap((outcome) => outcome.misses),
    }
  } finally {
    for (const close of closers.reverse()) await close()
  }
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
    return nothingMeasured
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

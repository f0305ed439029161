import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { styleText } from 'node:util'
import { Command, Option } from 'commander'
import { partsHelp } from '../test/real/parts.ts'
import { measureGrowth } from './growth/growth.ts'
import { measureMemory } from './memory/memory.ts'
import { runMicro } from './micro.ts'
import { parsePeer } from './options.ts'
import type { Server } from './peers/server.ts'
import { measureProfile } from './profile/profile.ts'
import { type Part, type PartReport, parts, reportMarkdown } from './report.ts'
import { measureRollback } from './rollback/rollback.ts'
import { measureRoutes } from './routes/routes.ts'
import { measureScraping } from './scraping/scraping.ts'
import { measureServers } from './servers.ts'
import { alignTable } from './table.ts'
import { measureTraces } from './traces/traces.ts'
import { measureWorkers } from './workers/workers.ts'
import { inWorkspace } from './workspace.ts'

type Options = {
  readonly quick: boolean
  readonly only?: Part
  readonly peer: readonly Server[]
  readonly config?: string
}

const resultsFile = join(import.meta.dirname, 'RESULTS.md')

const say = (line: string) => console.error(line)

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args)
  const wants = (part: Part) => options.only === undefined || options.only === part
  const reports: Partial<Record<Part, PartReport>> = {}
  const { quick } = options
  /** Runs a part that is asked for, in a folder of its own. */
  const run = async (part: Part, measure: (directory: string) => Promise<Partial<PartReport>>) => {
    if (wants(part)) reports[part] = { ...nothingFound, ...(await inWorkspace(measure)) }
  }

  await run('micro', async () => ({ micro: await runMicro(say) }))
  if (wants('e2e') || wants('responses') || wants('envoy')) {
    const peers = options.peer
    Object.assign(reports, await inWorkspace((directory) => measureServers({ wants, quick, peers, directory, say })))
  }
  await run('profile', (directory) => measureProfile({ quick, directory, say }))
  await run('memory', (directory) => measureMemory({ directory, say }))
  await run('workers', (directory) => measureWorkers({ quick, directory, say }))
  await run('growth', (directory) => measureGrowth({ quick, directory, say }))
  await run('scraping', (directory) => measureScraping({ quick, directory, say }))
  await run('routes', (directory) => measureRoutes({ quick, directory, say }))
  await run('rollback', () => measureRollback({ quick, say }))
  await run('traces', (directory) => measureTraces(options, directory, say))

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

// A signal would end the process without its exit handlers.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

await main(process.argv.slice(2)).catch((error) => {
  say(`bench: ${error.message}`)
  process.exitCode = 1
})

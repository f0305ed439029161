import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { findEnvoy } from '../../src/demo/envoy-binary.ts'
import { findParts } from '../../test/real/parts.ts'
import { wholeNumber } from '../options.ts'
import { alignTable } from '../table.ts'
import { type AnswerBody, answerBodies } from './gateway-resources.ts'
import { measureTrace } from './measure.ts'
import { defaultAnswerBody, type PickerName, pickerNames } from './pickers.ts'
import { type ServerKind, serverKinds } from './servers.ts'
import { adapterTrace, prefixTrace } from './trace.ts'

type Flags = {
  readonly trace: 'prefix' | 'lora'
  readonly picker: readonly PickerName[]
  readonly servers: ServerKind
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly config?: string
  readonly answers: AnswerBody
}

/** One trace through chosen pickers: for the comparison of variants. */
async function main(): Promise<void> {
  const flags = new Command('traces')
    .description('Sends one trace through pickers behind a real Envoy Gateway and prints a table.')
    .addOption(new Option('--trace <name>', 'which').choices(['prefix', 'lora']).default('prefix'))
    .addOption(new Option('--picker <name...>', 'whose choice').choices(pickerNames).default(['signalbox']))
    .addOption(new Option('--servers <kind>', 'model servers').choices(serverKinds).default(serverKinds[0]))
    .option('--seconds <n>', 'measured', wholeNumber, 75)
    .option('--warm-up-seconds <n>', 'before that', wholeNumber, 15)
    .option('--config <file>', 'EndpointPickerConfig for signalbox')
    .addOption(
      new Option('--answers <mode>', 'what signalbox sees of them').choices(answerBodies).default(defaultAnswerBody),
    )
    .parse()
    .opts<Flags>()
  const { found, missing } = findParts([
    'ENVOY_GATEWAY_BIN',
    'LLM_SIM',
    'KUBEBUILDER_ASSETS',
    'SIGNALBOX_CRDS',
    'REFERENCE_EPP',
  ])
  if (missing.length > 0) throw new Error(missing.join('\n'))
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-traces-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const length = { warmUpMs: flags.warmUpSeconds * 1000, measuredMs: flags.seconds * 1000 }
  const { tables, misses } = await measureTrace({
    trace: flags.trace === 'prefix' ? prefixTrace(length) : adapterTrace(length),
    length,
    pickers: flags.picker,
    servers: flags.servers,
    simulator: found.LLM_SIM,
    programs: { envoyGateway: found.ENVOY_GATEWAY_BIN, envoy: await findEnvoy(process.env, console.error) },
    options: { parts: found, config: flags.config && resolve(flags.config), answerBody: flags.answers },
    directory,
    say: console.error,
  })
  for (const table of tables) console.log(`${alignTable(table)}\n`)
  for (const miss of misses) console.log(`missed: ${miss}`)
  if (misses.length > 0) process.exitCode = 1
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

await main()

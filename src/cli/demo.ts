import { clearScreenDown, moveCursor } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WriteStream } from 'node:tty'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'
import { checks, runCheck } from '../demo/acceptance.ts'
import { findEnvoy } from '../demo/envoy-binary.ts'
import { type Mode, modes } from '../demo/envoy-file.ts'
import { isPortFree } from '../demo/free-ports.ts'
import { type Gateway, startGateway } from '../demo/gateway.ts'
import { maxFeedPoints } from '../demo/scenario-feed.ts'
import { scenarioNamed, scenarios } from '../demo/scenarios/all.ts'
import type { Scenario } from '../demo/scenarios/scenario.ts'
import { type DemoPage, servePage } from '../demo/show/page.ts'
import { present } from '../demo/show/present.ts'
import { tableLines } from '../demo/table.ts'
import { Traffic } from '../demo/traffic.ts'
import { parsePort } from './flag-values.ts'

type DemoOptions = {
  readonly scenario?: Scenario
  readonly seconds: number
  readonly once?: boolean
  readonly gatewayPort: number
  readonly pagePort?: number
  readonly mode?: Mode
}

/** Clients that ask at the same time. */
const clients = 12
/** Between two tables, milliseconds: redrawn in place on a terminal, one below the other elsewhere. */
const redrawMs = 1_000
const reprintMs = 5_000
/** So that there is a page. */
const pageFlags: readonly string[] = ['--admin-page']
/** As shells have it for SIGINT. */
const interruptedCode = 130
/** Where the page is unless another program is there. */
const usualPagePort = 8088
/** Of a scenario. What it shows needs a few seconds; the page keeps a point for each of them. */
const seconds = z.int().min(5).max(maxFeedPoints)
const defaultSeconds = 60

const scenarioHelp = `
Scenarios: Signalbox beside a baseline that gets the same requests, for a minute.
${scenarios.map(({ name, summary }) => `  ${name.padEnd(14)} ${summary}`).join('\n')}
`

export function define(command: Command): void {
  command
    .option('--scenario <name>', 'show what Signalbox does better, with a plot and figures: see below', parseScenario)
    .addOption(
      new Option('--seconds <number>', 'how long the scenario takes').argParser(parseSeconds).default(defaultSeconds),
    )
    .option(
      '--once',
      'end by itself: after the scenario, with exit code 1 if Signalbox was not better; ' +
        'without one after the acceptance checks, with 1 if one failed',
    )
    .option('--gateway-port <port>', 'port of the gateway on 127.0.0.1, 0 for a free one', parsePort, 8080)
    .option(
      '--page-port <port>',
      `port of the page, 0 for a free one (default: ${usualPagePort}, if it is free)`,
      parsePort,
    )
    .addOption(
      new Option('--mode <mode>', 'how Envoy hands over bodies: full-duplex unless given; with --once all')
        .choices(modes)
        .conflicts('scenario'),
    )
    .addHelpText('after', scenarioHelp)
    .action(async (options: DemoOptions) => {
      process.exit(await demo(options))
    })
}

/** @returns the exit code. */
async function demo(options: DemoOptions): Promise<number> {
  const interrupt = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupt.abort())
  const { signal } = interrupt
  try {
    const envoy = await findEnvoy(process.env, console.log)
    if (options.scenario !== undefined) return await showScenario(options.scenario, envoy, options, signal)
    const gateway = await start(envoy, options)
    try {
      return await Promise.race([
        options.once ? runChecks(gateway, signal) : showTraffic(gateway, options, signal),
        gateway.broken,
      ])
    } finally {
      await gateway.stop()
    }
  } catch (error) {
    console.error(`signalbox demo: ${(error as Error).message}`)
    return 1
  }
}

async function start(envoy: string, { once, gatewayPort, mode }: DemoOptions): Promise<Gateway> {
  if (once) return startGateway({ envoy, modes: mode === undefined ? modes : [mode] })
  await demandFree(gatewayPort, '--gateway-port')
  return startGateway({
    envoy,
    modes: [mode ?? 'full-duplex'],
    port: gatewayPort || undefined,
    latencyProfile: '8b-h100',
    serveFlags: pageFlags,
    showsAnswers: true,
  })
}

async function showScenario(
  scenario: Scenario,
  envoy: string,
  { seconds, once = false, gatewayPort, pagePort }: DemoOptions,
  signal: AbortSignal,
): Promise<number> {
  if (!once) await demandFree(gatewayPort, '--gateway-port')
  const isKept = await present(
    scenario,
    {
      envoy,
      gatewayPort: once ? 0 : gatewayPort,
      serveFlags: pageFlags,
      pagePort: await choosePagePort(pagePort),
      lengthMs: seconds * 1000,
      once,
      out: process.stdout as WriteStream,
    },
    signal,
  )
  if (!once) return 0
  return isKept === undefined ? interruptedCode : isKept ? 0 : 1
}

/** A port that was not asked for need not be that one. */
async function choosePagePort(asked: number | undefined): Promise<number> {
  if (asked === undefined) return (await isPortFree(usualPagePort)) ? usualPagePort : 0
  await demandFree(asked, '--page-port')
  return asked
}

async function demandFree(port: number, flag: string): Promise<void> {
  if (port === 0 || (await isPortFree(port))) return
  throw new Error(`port ${port} of 127.0.0.1 is taken; choose another with ${flag}`)
}

async function runChecks({ urls, servers, modelsFile }: Gateway, signal: AbortSignal): Promise<number> {
  const modeWidth = Math.max(...modes.map(({ length }) => length))
  const titleWidth = Math.max(...checks.map(({ title }) => title.length))
  let passed = 0
  let failed = 0
  for (const [mode, url] of urls) {
    for (const check of checks) {
      if (signal.aborted) return interruptedCode
      const verdict = await runCheck(check, { mode, url, servers, modelsFile })
      if (verdict.ok) passed += 1
      else failed += 1
      const result = verdict.ok ? 'ok' : `FAILED: ${verdict.reason}`
      console.log(`${mode.padEnd(modeWidth)}  ${check.id.padEnd(3)}  ${check.title.padEnd(titleWidth)}  ${result}`)
    }
  }
  console.log(`${passed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

async function showTraffic(gateway: Gateway, { pagePort }: DemoOptions, signal: AbortSignal): Promise<number> {
  const [[mode, url]] = gateway.urls
  const page = await servePage(await choosePagePort(pagePort), gateway.metricsUrl, undefined)
  console.log(introduction(mode, url, page))
  const traffic = new Traffic(url, clients)
  const { stdout } = process
  let drawn = 0
  while (!signal.aborted) {
    await sleep(stdout.isTTY ? redrawMs : reprintMs, undefined, { signal }).catch(() => {})
    const lines = tableLines(traffic.rows())
    if (stdout.isTTY) {
      moveCursor(stdout, 0, -drawn)
      clearScreenDown(stdout)
      // What has scrolled off the top can't be redrawn.
      lines.splice(Math.max(1, stdout.rows - 2))
      drawn = lines.length
    } else {
      lines.push('')
    }
    console.log(lines.join('\n'))
  }
  await traffic.stop()
  await page.close()
  return 0
}

function parseScenario(name: string): Scenario {
  try {
    return scenarioNamed(name)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

function parseSeconds(text: string): number {
  const result = seconds.safeParse(Number(text))
  if (!result.success)
    throw new InvalidArgumentError(`Expected a whole number from ${seconds.minValue} to ${seconds.maxValue}.`)
  return result.data
}

function introduction(mode: Mode, url: string, page: DemoPage): string {
  const chat = (fields: string) =>
    `${url}/v1/chat/completions -d '{${fields}, "messages": [{"role": "user", "content": "hi"}]}'`
  return `
Envoy (${mode}) at ${url}, Signalbox behind it, and five simulated model servers.
What it does and why, live: ${page.url}
Its metrics: ${page.url}metrics

Ask it yourself:
  curl -s ${chat('"model": "qwen"')}
as a stream:
  curl -sN ${chat('"model": "deepseek-r1", "stream": true')}
a canary, nine in ten to travel-helper-v1:
  for i in $(seq 20); do curl -s ${chat('"model": "travel-helper"')} | grep -o 'I am [^,]*'; done | sort | uniq -c
one name over two pools:
  for i in $(seq 20); do curl -s ${chat('"model": "assistant"')} | grep -o 'I am [^,]*'; done | sort | uniq -c
a model that nobody serves:
  curl -si ${chat('"model": "no-such-model"')}
See what picking a server by its state is worth: signalbox demo --help names scenarios.

Ctrl-C ends it.
`
}

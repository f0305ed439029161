import { clearScreenDown, moveCursor } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { findEnvoy } from '../demo/envoy-binary.ts'
import { type Mode, modes } from '../demo/envoy-file.ts'
import { isPortFree } from '../demo/free-ports.ts'
import { type Gateway, startGateway } from '../demo/gateway.ts'
import { checks, runCheck } from '../demo/scenario.ts'
import { tableLines } from '../demo/table.ts'
import { Traffic } from '../demo/traffic.ts'
import { parsePort } from './flag-values.ts'

type DemoOptions = { readonly once?: true; readonly gatewayPort: number; readonly mode?: Mode }

/** Clients that ask at the same time. */
const clients = 12
/** Between two tables, milliseconds: redrawn in place on a terminal, one below the other elsewhere. */
const redrawMs = 1_000
const reprintMs = 5_000
/** As shells have it for SIGINT. */
const interruptedCode = 130

export function define(command: Command): void {
  command
    .option('--once', 'run the acceptance scenario and end, with exit code 1 if a check failed')
    .option('--gateway-port <port>', 'port of the gateway on 127.0.0.1, 0 for a free one', parsePort, 8080)
    .addOption(
      new Option('--mode <mode>', 'how Envoy hands over bodies: full-duplex unless given; with --once all').choices(
        modes,
      ),
    )
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
    const gateway = await start(envoy, options)
    try {
      return await Promise.race([
        options.once ? runScenario(gateway, signal) : showTraffic(gateway, signal),
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
  if (gatewayPort !== 0 && !(await isPortFree(gatewayPort))) {
    throw new Error(`port ${gatewayPort} of 127.0.0.1 is taken; choose another with --gateway-port`)
  }
  return startGateway({
    envoy,
    modes: [mode ?? 'full-duplex'],
    port: gatewayPort || undefined,
    latencyProfile: '8b-h100',
  })
}

async function runScenario({ urls, servers, modelsFile }: Gateway, signal: AbortSignal): Promise<number> {
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

async function showTraffic(gateway: Gateway, signal: AbortSignal): Promise<number> {
  const [[mode, url]] = gateway.urls
  console.log(introduction(mode, url, gateway.metricsUrl))
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
  return 0
}

function introduction(mode: Mode, url: string, metricsUrl: string): string {
  const chat = (fields: string) =>
    `${url}/v1/chat/completions -d '{${fields}, "messages": [{"role": "user", "content": "hi"}]}'`
  return `
Envoy (${mode}) at ${url}, Signalbox behind it, and five simulated model servers.
Signalbox's metrics: ${metricsUrl}

Ask it yourself:
  curl -s ${chat('"model": "qwen"')}
as a stream:
  curl -sN ${chat('"model": "deepseek-r1", "stream": true')}
a canary, nine in ten to travel-helper-v1:
  for i in $(seq 20); do curl -s ${chat('"model": "travel-helper"')} | grep -o '"model":"[^"]*"'; done | sort | uniq -c
one name over two pools:
  for i in $(seq 20); do curl -s ${chat('"model": "assistant"')} | grep -o '"model":"[^"]*"'; done | sort | uniq -c
a model that nobody serves:
  curl -si ${chat('"model": "no-such-model"')}

Ctrl-C ends it.
`
}

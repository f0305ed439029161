import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { GatewayPrograms } from '../../test/real/envoy-gateway.ts'
import type { Outcome } from '../e2e.ts'
import { figure } from '../table.ts'
import { driveTrace, type TraceResult } from './drive.ts'
import { startGateway } from './gateway.ts'
import { type PickerName, type PickerOptions, startPickers } from './pickers.ts'
import { percentText, summarize, traceTables } from './results.ts'
import { type ServerKind, serverCount, serverShape, startModelServers } from './servers.ts'
import type { Trace, TraceLength } from './trace.ts'

export type TracePlan = {
  readonly trace: Trace
  readonly length: TraceLength
  readonly pickers: readonly PickerName[]
  readonly servers: ServerKind
  /** The path of llm-d-inference-sim; not used for other servers. */
  readonly simulator: string
  readonly programs: GatewayPrograms
  readonly options: PickerOptions
  readonly directory: string
  readonly say: (line: string) => void
}

/** Sends the same trace through each picker, one after the other, each with new servers and a new Envoy Gateway. */
export async function measureTrace(plan: TracePlan): Promise<Outcome> {
  const { trace, say } = plan
  const results = new Map<PickerName, TraceResult>()
  for (const name of plan.pickers) {
    say(`${trace.name}: ${name}`)
    const result = await measurePicker(plan, name)
    results.set(name, result)
    const { meanMs, p99Ms, cachedShare, failed } = summarize(name, result)
    say(
      `  mean ${figure(meanMs)} ms, p99 ${figure(p99Ms)} ms, ${percentText(cachedShare)} cached, ${failed} failed; ` +
        `sent up to ${figure(result.lateMs)} ms late, machine ${percentText(result.machineBusy)} busy`,
    )
    for (const [reason, count] of Object.entries(result.failures)) say(`  ${count} × ${reason}`)
  }
  return traceTables({ trace: trace.name, note: noteOf(plan) }, results)
}

function noteOf({ trace, length: { warmUpMs, measuredMs }, servers }: TracePlan): string {
  const { blockTokens, cacheBlocks } = serverShape
  return (
    `A real Envoy Gateway, ${serverCount} × ${servers} with a cache for ${cacheBlocks * blockTokens} words each; ` +
    `${trace.requests.length} requests in ${(warmUpMs + measuredMs) / 1000} s, the first ${warmUpMs / 1000} s not measured.`
  )
}

async function measurePicker(plan: TracePlan, name: PickerName): Promise<TraceResult> {
  const { trace, length, servers, simulator, programs, options, say } = plan
  const directory = join(plan.directory, `${trace.name} ${servers} ${name}`.replaceAll(/[^a-zA-Z0-9]+/g, '-'))
  mkdirSync(directory, { recursive: true })
  const started: (() => Promise<void>)[] = []
  try {
    const models = await startModelServers(servers, trace, simulator)
    started.push(models.stop)
    const pickers = await startPickers(name, models.ports, options, directory)
    started.push(pickers.stop)
    const gateway = await startGateway(
      programs,
      {
        servers: models.ports.map((port) => `127.0.0.1:${port}`),
        processors: pickers.processors.map(({ address }) => address),
        answerBody: pickers.answerBody,
      },
      directory,
    )
    started.push(gateway.stop)
    say(`  ${trace.requests.length} requests in ${(length.warmUpMs + length.measuredMs) / 1000} s`)
    return await driveTrace(gateway.url, trace, length.warmUpMs)
  } finally {
    for (const stop of started.reverse()) await stop()
  }
}

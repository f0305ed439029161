import { Command, Option } from 'commander'
import { chatBody, type ModelPosition, modelPositions } from './bodies.ts'
import { type BodyMode, bodyModes, connectExchange, type ExchangeInput, type ExchangeResult } from './exchange.ts'
import { wholeNumber } from './options.ts'
import { type LatencySummary, summarizeLatencies } from './statistics.ts'

/** What to send to an ext_proc server. */
export type Load = {
  /** host:port, plaintext. */
  readonly address: string
  readonly mode: BodyMode
  readonly path: string
  readonly model: string
  readonly position: ModelPosition
  readonly bodyBytes: number
  readonly chunkBytes: number
  /** Pause between the chunks of a body: a slow sender. */
  readonly gapMs: number
  readonly requests: number
  /** Streams at a time, over all connections. */
  readonly concurrency: number
  readonly connections: number
}

export type LoadResult = {
  readonly requestsPerSecond: number
  /** From the first body chunk to the answer that carries the decision. */
  readonly decision: LatencySummary
  /** From the first body chunk to the last answer. */
  readonly total: LatencySummary
  /** Reason → requests that failed by it. Failed requests don't count anywhere else. */
  readonly failures: Readonly<Record<string, number>>
}

export const defaultLoad: Omit<Load, 'address'> = {
  mode: 'duplex',
  path: '/v1/chat/completions',
  model: 'qwen',
  position: 'first',
  bodyBytes: 1024,
  chunkBytes: 16_384,
  gapMs: 0,
  requests: 2000,
  concurrency: 16,
  connections: 2,
}

/** Sends the load, always `concurrency` requests at a time, and checks every answer. */
export async function drive(load: Load): Promise<LoadResult> {
  const input: ExchangeInput = {
    mode: load.mode,
    path: load.path,
    body: chatBody(load.bodyBytes, load.position, load.model),
    chunkBytes: load.chunkBytes,
    gapMs: load.gapMs,
  }
  const connections = Array.from({ length: load.connections }, () => connectExchange(load.address))
  const results: ExchangeResult[] = []
  const failures: Record<string, number> = {}
  let begun = 0
  const work = async (worker: number) => {
    const connection = connections[worker % connections.length]
    while (begun < load.requests) {
      begun++
      try {
        results.push(await connection.run(input))
      } catch (error) {
        const reason = (error as Error).message
        failures[reason] = (failures[reason] ?? 0) + 1
      }
    }
  }

  const start = performance.now()
  await Promise.all(Array.from({ length: load.concurrency }, (_, worker) => work(worker)))
  const seconds = (performance.now() - start) / 1000
  for (const connection of connections) connection.close()
  return {
    requestsPerSecond: results.length / seconds,
    decision: summarizeLatencies(results.map((result) => result.decisionMs)),
    total: summarizeLatencies(results.map((result) => result.totalMs)),
    failures,
  }
}

async function main(): Promise<void> {
  const command = new Command('driver')
    .description(
      'Drives an ext_proc server (plaintext) as Envoy would, checks every answer, and prints one line of JSON.',
    )
    .requiredOption('--address <host:port>')
    .addOption(new Option('--mode <mode>').choices(bodyModes).default(defaultLoad.mode))
    .addOption(new Option('--position <position>', 'where model stands').choices(modelPositions).default('first'))
    .option('--path <path>', 'request path', defaultLoad.path)
    .option('--model <name>', 'model name', defaultLoad.model)
    .option('--body-bytes <n>', 'size of the body', wholeNumber, defaultLoad.bodyBytes)
    .option('--chunk-bytes <n>', 'size of a chunk', wholeNumber, defaultLoad.chunkBytes)
    .option('--gap-ms <n>', 'pause between chunks', wholeNumber, defaultLoad.gapMs)
    .option('--requests <n>', 'how many', wholeNumber, defaultLoad.requests)
    .option('--concurrency <n>', 'requests at a time', wholeNumber, defaultLoad.concurrency)
    .option('--connections <n>', 'HTTP/2 connections', wholeNumber, defaultLoad.connections)
    .parse()
  const result = await drive(command.opts<Load>())
  console.log(JSON.stringify(result))
  if (Object.keys(result.failures).length > 0) process.exitCode = 1
}

if (import.meta.main) await main()

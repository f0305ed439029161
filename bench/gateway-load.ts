import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from '../src/demo/client.ts'
import { chatBody, type ModelPosition } from './bodies.ts'
import { type LatencySummary, summarizeLatencies } from './statistics.ts'

/** What to send to an HTTP gateway. */
export type GatewayLoad = {
  readonly url: string
  readonly path: string
  readonly model: string
  readonly position: ModelPosition
  readonly bodyBytes: number
  /** Keep-alive connections, each with one request at a time. */
  readonly connections: number
  /** Whole seconds. */
  readonly seconds: number
}

export type GatewayResult = LatencySummary & {
  /** Requests that got 200. */
  readonly completed: number
  readonly requestsPerSecond: number
  /** `HTTP 404` or the error's text → requests that failed by it. */
  readonly failures: Readonly<Record<string, number>>
}

const execute = promisify(execFile)

/** POSTs the load from this process. A request that has begun when the time is over still counts. */
export async function driveGateway(load: GatewayLoad): Promise<GatewayResult> {
  const { path, connections } = load
  const body = chatBody(load.bodyBytes, load.position, load.model)
  const client = new Client(load.url, connections)
  const latenciesMs: number[] = []
  const failures: Record<string, number> = {}
  const fail = (reason: string) => {
    failures[reason] = (failures[reason] ?? 0) + 1
  }
  const start = performance.now()
  const deadline = start + load.seconds * 1000
  const work = async () => {
    for (let begun = start; begun < deadline; begun = performance.now()) {
      try {
        const { status } = await client.send({ path, body })
        if (status === 200) latenciesMs.push(performance.now() - begun)
        else fail(`HTTP ${status}`)
      } catch (error) {
        fail((error as Error).message)
      }
    }
  }
  await Promise.all(Array.from({ length: connections }, work))
  const seconds = (performance.now() - start) / 1000
  client.close()
  const completed = latenciesMs.length
  return { completed, requestsPerSecond: completed / seconds, ...summarizeLatencies(latenciesMs), failures }
}

/** Whether PATH has wrk, which takes less of the machine than {@link driveGateway} and so shows more of the gateway. */
export async function hasWrk(): Promise<boolean> {
  try {
    await execute('wrk', ['--version'])
    return true
  } catch (error) {
    // It prints its version and exits 1; only a missing program has an error code of the system.
    return (error as { code?: unknown }).code !== 'ENOENT'
  }
}

/** Requests a second as wrk finds them. It drops what is under way at the end, so it is no measure of CPU a request. */
export async function wrkThroughput(load: GatewayLoad): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-wrk-'))
  try {
    const bodyFile = join(directory, 'body.json')
    const script = join(directory, 'load.lua')
    writeFileSync(bodyFile, chatBody(load.bodyBytes, load.position, load.model))
    writeFileSync(script, wrkScript(load.path, bodyFile))
    const flags = ['--threads=1', `--connections=${load.connections}`, `--duration=${load.seconds}s`]
    const { stdout } = await execute('wrk', [...flags, `--script=${script}`, load.url])
    return parseWrk(stdout)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Makes wrk POST the file, and end its output with one line of JSON. */
function wrkScript(path: string, bodyFile: string): string {
  return `wrk.method = "POST"
wrk.path = ${JSON.stringify(path)}
wrk.headers["content-type"] = "application/json"
wrk.body = io.open(${JSON.stringify(bodyFile)}, "rb"):read("*a")
done = function(summary)
  io.write(string.format('{"requests":%d,"failed":%d,"micros":%d}',
    summary.requests, summary.errors.status, summary.duration))
end
`
}

/** Good answers a second, from what {@link wrkScript} makes wrk print last. It counts those from 400 on as requests, too. */
export function parseWrk(output: string): number {
  const { requests, failed, micros }: Record<string, number> = JSON.parse(output.slice(output.lastIndexOf('{')))
  return ((requests - failed) * 1e6) / micros
}

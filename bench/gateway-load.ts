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

export type GatewayGenerator = { readonly name: string; run(load: GatewayLoad): Promise<GatewayResult> }

const execute = promisify(execFile)

/** wrk where PATH has it, as it leaves more of the machine to the gateway; else node:http in this process. */
export async function gatewayGenerator(): Promise<GatewayGenerator> {
  try {
    await execute('wrk', ['--version'])
  } catch (error) {
    // wrk prints its version and exits 1; only a missing program has an error code of the system.
    if ((error as { code?: unknown }).code === 'ENOENT') return nodeHttp
  }
  return wrk
}

const nodeHttp: GatewayGenerator = {
  name: 'node:http',
  async run(load) {
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
  },
}

const wrk: GatewayGenerator = {
  name: 'wrk',
  async run(load) {
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
  },
}

/** Makes wrk POST the file, and end its output with one line of JSON. */
function wrkScript(path: string, bodyFile: string): string {
  return `wrk.method = "POST"
wrk.path = ${JSON.stringify(path)}
wrk.headers["content-type"] = "application/json"
wrk.body = io.open(${JSON.stringify(bodyFile)}, "rb"):read("*a")
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"micros":%d,"p50Micros":%d,"p99Micros":%d,"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end
`
}

/** Reads what {@link wrkScript} makes wrk print last. It counts answers from 400 on as requests, too. */
export function parseWrk(output: string): GatewayResult {
  const line: Record<string, number> = JSON.parse(output.slice(output.lastIndexOf('{')))
  const { requests, micros, p50Micros, p99Micros, ...errors } = line
  const completed = requests - errors.status
  return {
    completed,
    requestsPerSecond: completed / (micros / 1e6),
    p50Ms: p50Micros / 1000,
    p99Ms: p99Micros / 1000,
    failures: Object.fromEntries(Object.entries(errors).filter(([, count]) => count > 0)),
  }
}

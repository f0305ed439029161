import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { endedChildrenCpuSeconds } from '../process-cpu.ts'

/** What to POST to an HTTP gateway. */
export type WrkLoad = {
  readonly url: string
  readonly path: string
  readonly body: Buffer
  /** Keep-alive connections, each with one request at a time. */
  readonly connections: number
  /** Whole seconds. */
  readonly seconds: number
}

export type WrkResult = {
  /** Requests that were answered below 400. What is under way at the end does not count. */
  readonly completed: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers from 400 on, timeouts, and errors of sockets. */
  readonly failures: number
  readonly cpuSeconds: number
}

const execute = promisify(execFile)

/** Whether PATH has wrk, the load generator that takes least of the machine. */
export async function hasWrk(): Promise<boolean> {
  try {
    await execute('wrk', ['--version'])
    return true
  } catch (error) {
    // It prints its version and exits 1; only a missing program has an error code of the system.
    return (error as { code?: unknown }).code !== 'ENOENT'
  }
}

/** Runs wrk with one thread. */
export async function runWrk({ url, path, body, connections, seconds }: WrkLoad): Promise<WrkResult> {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-wrk-'))
  try {
    const bodyFile = join(directory, 'body.json')
    const script = join(directory, 'load.lua')
    writeFileSync(bodyFile, body)
    writeFileSync(script, wrkScript(path, bodyFile))
    const flags = ['--threads=1', `--connections=${connections}`, `--duration=${seconds}s`, '--timeout=30s']
    const cpuBefore = endedChildrenCpuSeconds()
    const { stdout } = await execute('wrk', [...flags, `--script=${script}`, url])
    return { ...parseWrk(stdout), cpuSeconds: endedChildrenCpuSeconds() - cpuBefore }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Makes wrk POST the file, and end its output with one line of JSON. Its times are microseconds. */
function wrkScript(path: string, bodyFile: string): string {
  return `wrk.method = "POST"
wrk.path = ${JSON.stringify(path)}
wrk.headers["content-type"] = "application/json"
wrk.body = io.open(${JSON.stringify(bodyFile)}, "rb"):read("*a")
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"refused":%d,"broken":%d,"micros":%d,"p50":%d,"p99":%d}',
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration, latency:percentile(50), latency:percentile(99)))
end
`
}

/** Reads what {@link wrkScript} makes wrk print last. It counts answers from 400 on as requests, too. */
export function parseWrk(output: string): Omit<WrkResult, 'cpuSeconds'> {
  const found: Record<string, number> = JSON.parse(output.slice(output.lastIndexOf('{')))
  const completed = found.requests - found.refused
  return {
    completed,
    requestsPerSecond: (completed * 1e6) / found.micros,
    p50Ms: found.p50 / 1000,
    p99Ms: found.p99 / 1000,
    failures: found.refused + found.broken,
  }
}

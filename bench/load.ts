import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { ModelPosition } from './bodies.ts'
import type { LoadResult } from './driver.ts'
import { modelName } from './peers/resources.ts'
import type { LatencySummary } from './statistics.ts'

/** A run of one shape of request, in full duplex. */
export type Run = { readonly bodyBytes: number; readonly position: ModelPosition; readonly requests: number }

export type RunResult = LatencySummary & { readonly requestsPerSecond: number; readonly failures: number }

/** A program of its own that sends a run to an ext_proc server, so that the load costs this process nothing. */
export type LoadGenerator = { readonly name: string; run(address: string, run: Run): Promise<RunResult> }

const execute = promisify(execFile)
/** A run takes seconds; one that takes so long does not end any more. */
const options = { timeout: 300_000, killSignal: 'SIGKILL' } as const

/** epload where EPLOAD names it, as it costs less of the machine that it shares with the server; else bench/driver.ts. */
export function loadGenerator(eploadPath: string | undefined): LoadGenerator {
  return eploadPath ? eploadProgram(eploadPath) : driverProgram
}

function eploadProgram(path: string): LoadGenerator {
  return {
    name: 'epload',
    async run(address, { bodyBytes, position, requests }) {
      const flags = { addr: address, size: bodyBytes, pos: position, n: requests, model: modelName }
      const args = Object.entries(flags).map(([flag, value]) => `-${flag}=${value}`)
      const { stdout } = await execute(path, args, options).catch((error) => {
        // It tries one request first, and prints what went wrong with it.
        const reason = error.killed
          ? `not done after ${options.timeout / 1000} s`
          : error.stdout?.trim() || error.message
        throw new Error(`epload at ${address}: ${reason}`)
      })
      return parseEpload(stdout, requests)
    },
  }
}

/**
 * Reads epload's line, `size=1024 pos=first c=16: 7203 req/s p50=0.87ms p99=5.89ms … ok=4000 errs=map[]`.
 * Latencies are Go durations of one unit.
 */
export function parseEpload(output: string, requests: number): RunResult {
  const field = (pattern: RegExp) => {
    const match = pattern.exec(output)
    if (!match) throw new Error(`epload printed no ${pattern.source}: ${output.trim()}`)
    return match
  }
  const duration = (name: string) => {
    const [, value, unit] = field(new RegExp(`${name}=([\\d.]+)(µs|us|ms|s)`))
    return Number(value) * (unit === 's' ? 1000 : unit === 'ms' ? 1 : 0.001)
  }
  return {
    requestsPerSecond: Number(field(/([\d.]+) req\/s/)[1]),
    p50Ms: duration('p50'),
    p99Ms: duration('p99'),
    failures: requests - Number(field(/ok=(\d+)/)[1]),
  }
}

const driverPath = fileURLToPath(new URL('driver.ts', import.meta.url))

const driverProgram: LoadGenerator = {
  name: 'bench/driver.ts',
  async run(address, { bodyBytes, position, requests }) {
    const flags = { address, 'body-bytes': bodyBytes, position, requests, model: modelName }
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)
    const { stdout } = await execute(process.execPath, [driverPath, ...args], options).catch((error) => {
      // It exits 1 when requests failed; its result says how many.
      if (error.stdout) return error as { stdout: string }
      throw error.killed
        ? new Error(`bench/driver.ts at ${address}: not done after ${options.timeout / 1000} s`)
        : error
    })
    const result: LoadResult = JSON.parse(stdout)
    return {
      requestsPerSecond: result.requestsPerSecond,
      ...result.total,
      failures: Object.values(result.failures).reduce((sum, count) => sum + count, 0),
    }
  },
}

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

/** Where a sample was taken: symbols from the leaf outwards, each with the file that it lies in. */
export type Frame = { readonly symbol: string; readonly file: string }

const samplesPerSecond = 1999
const maxOutputBytes = 1024 * 1024 * 1024
const execute = promisify(execFile)

/** Whether PATH has perf, and this user may see the kernel's share. Undefined when so, else what is missing. */
export async function missingPerf(): Promise<string | undefined> {
  try {
    const flags = ['record', '--output=/dev/null', '--event=cpu-clock', '--', 'true']
    await execute('perf', flags)
    return undefined
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string }
    if (code === 'ENOENT') return 'perf is not on PATH; it is the package linux-perf or linux-tools'
    return `perf can't record here: ${stderr?.trim().split('\n')[0]}`
  }
}

/**
 * Takes samples of all threads of a process, on the CPU only, while `work` runs. JavaScript has names where Node was started
 * with --perf-basic-prof.
 * @param file where to keep them until they are read
 */
export async function sampleWhile<T>(
  pid: number,
  file: string,
  work: () => Promise<T>,
): Promise<{ samples: Frame[][]; result: T }> {
  const flags = [
    '--event=cpu-clock',
    `--freq=${samplesPerSecond}`,
    '--call-graph=fp',
    `--pid=${pid}`,
    `--output=${file}`,
  ]
  rmSync(file, { force: true })
  const perf = spawn('perf', ['record', ...flags], { stdio: 'ignore' })
  const ended = once(perf, 'exit')
  let result: T
  try {
    // Its first bytes are written when it begins to record.
    while (!statSync(file, { throwIfNoEntry: false })?.size && perf.exitCode === null) await sleep(10)
    result = await work()
  } finally {
    perf.kill('SIGINT')
    await ended
  }
  const { stdout } = await execute('perf', ['script', `--input=${file}`, '--fields=comm,ip,sym,dso'], {
    maxBuffer: maxOutputBytes,
  })
  const samples = parseSamples(stdout)
  if (samples.length === 0) throw new Error(`perf took no samples of process ${pid}`)
  return { samples, result }
}

/** Reads `perf script`: a line for the thread, then a line for each frame, `  address symbol (file)`, then an empty line. */
export function parseSamples(script: string): Frame[][] {
  const samples: Frame[][] = []
  let frames: Frame[] = []
  for (const line of script.split('\n')) {
    const match = /^\s+[0-9a-f]+ (.*) \((.*)\)$/.exec(line)
    if (match !== null) frames.push({ symbol: match[1], file: match[2] })
    else if (frames.length > 0) {
      samples.push(frames)
      frames = []
    }
  }
  if (frames.length > 0) samples.push(frames)
  return samples
}

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const { EXTCASE: replayer, SIGNALBOX_WIRE_CASES: given } = process.env
const isMissing = replayer === undefined || given === undefined
if (isMissing)
  console.log('skipped: EXTCASE names a replayer of ext_proc wire cases, SIGNALBOX_WIRE_CASES the case file given.yaml')

type Run = {
  readonly what: string
  /** Beside the given one. */
  readonly file: string
  readonly role: 'picker' | 'body-router'
  /** Of the addresses that the model servers of the cases listen on: each run has its own. */
  readonly ipPrefix: string
}

const runs: readonly Run[] = [
  { what: 'the body router', file: 'given.yaml', role: 'body-router', ipPrefix: '127.31.1.' },
  { what: 'the endpoint picker', file: 'given.yaml', role: 'picker', ipPrefix: '127.31.2.' },
  { what: 'bodies of the engine protocol', file: 'engine-grpc.yaml', role: 'picker', ipPrefix: '127.31.3.' },
  { what: 'configurations to start with', file: 'config-loads.yaml', role: 'picker', ipPrefix: '127.31.4.' },
]

/** A run starts a server for most cases. */
const runTimeoutMs = 300_000

/** Wire cases of the reference's body-based router and endpoint picker, played by a grpc-go client. */
describe.skipIf(isMissing)('wire cases', () => {
  test.concurrent.each(runs)('$what: $file as $role', { timeout: runTimeoutMs }, async ({ file, role, ipPrefix }) => {
    const cases = join(dirname(given!), file)
    expect(existsSync(cases), `${cases} is missing beside ${given}`).toBe(true)
    const output = await replay(['-cases', cases, '-role', role, '-ip-prefix', ipPrefix, '-log'])
    expect(output).toMatch(/^[1-9]\d* passed, 0 failed/m)
  })
})

/** What the replayer says, however it ends. */
function replay(args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const options = { cwd: root, timeout: runTimeoutMs, maxBuffer: 16 * 1024 * 1024 }
    execFile(replayer!, args, options, (error, stdout, stderr) => {
      resolve(`${stdout}${stderr}${error === null ? '' : `\n${error.message}`}`)
    })
  })
}

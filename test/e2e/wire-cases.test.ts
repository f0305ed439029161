import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const { EXTCASE: replayer, SIGNALBOX_WIRE_CASES: cases } = process.env
const isMissing = replayer === undefined || cases === undefined
if (isMissing)
  console.log('skipped: EXTCASE names a replayer of ext_proc wire cases, SIGNALBOX_WIRE_CASES the case file')

/** Wire cases of the reference body-based router, played by a grpc-go client. */
describe.skipIf(isMissing)('wire cases', () => {
  test('the body router answers as the reference does', () => {
    const { stdout, stderr } = spawnSync(replayer!, ['-role', 'body-router', '-cases', cases!, '-log'], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(`${stdout}${stderr}`).toMatch(/^[1-9]\d* passed, 0 failed/m)
  })
})

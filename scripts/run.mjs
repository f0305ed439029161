// Sets the checkout up, then runs one of its scripts with the pinned Node. Plain JavaScript for Node 18 and later,
// because it runs before anything is installed.
//   node scripts/run.mjs --setup              set up only
//   node scripts/run.mjs SCRIPT.ts [ARG ...]  set up if needed, then run the script
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const stampFile = join(root, 'node_modules', '.signalbox-setup')
const pinnedNode = join(root, 'node_modules', '.bin', 'node')

const lockDigest = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
const isSetUp = () => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lockDigest()

function setUp() {
  if (isSetUp()) return
  console.log('signalbox: installing what package-lock.json names (npm ci), Node 24 among it …')
  const npm = process.env.npm_execpath
  const args = ['ci', '--loglevel=error', '--no-fund', '--no-audit']
  const result = npm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: 'inherit' })
    : spawnSync('npm', args, { cwd: root, stdio: 'inherit' })
  if (result.status !== 0) {
    console.error('signalbox: npm ci failed; its message is above. It needs npm 10 or later and a package registry.')
    process.exit(1)
  }
  writeFileSync(stampFile, lockDigest())
}

/** The pinned Node where the platform has a package of it, else the running one when it is new enough. */
function findNode() {
  if (existsSync(pinnedNode)) return pinnedNode
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 24 || (major === 24 && minor >= 7)) return process.execPath
  console.error(
    `signalbox: no packaged Node 24 for ${process.platform}-${process.arch}, and this one is ${process.version}.\n` +
      'Install Node 24.7 or later, put it first on PATH, and try again.',
  )
  process.exit(1)
}

setUp()
const [script, ...args] = process.argv.slice(2)
if (script !== '--setup') {
  const child = spawn(findNode(), [join(root, script), ...args], { stdio: 'inherit' })
  // Ctrl-C reaches the child by the terminal; other signals are passed on, and the child decides when to go.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT') child.kill(signal)
    })
  }
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
}

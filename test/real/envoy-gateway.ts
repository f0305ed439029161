import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { envoyVersion } from '../../src/demo/envoy-binary.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import type { KubeApi } from './kube-api.ts'

export type GatewayPrograms = {
  /** Paths of the two programs. */
  readonly envoyGateway: string
  readonly envoy: string
}

/** Where its resources are: manifests that it watches below `folder`, or a real API server with its CRDs in it. */
export type GatewayProvider = { readonly folder: string } | { readonly api: KubeApi }

/** A real Envoy Gateway, and the Envoy that it runs on this host. */
export type RunningGateway = { stop(): Promise<void> }

const startTimeoutMs = 60_000
/** Where it is installed, and where its Secrets are. */
const systemNamespace = 'envoy-gateway-system'
/** Where Envoy Gateway looks for its own certificate when its resources come from Kubernetes. */
const certificatesMount = '/certs'

/**
 * Starts Envoy Gateway with Envoy on this machine; its own files go below `directory`. Resolves when `isReady` holds.
 * Its ports can't be chosen (18000, 19001 and others), so there can be one at a time.
 * @param settings what else its EnvoyGateway configuration shall say, e.g. `{ extensionManager: … }`
 */
export async function startEnvoyGateway(
  programs: GatewayPrograms,
  provider: GatewayProvider,
  directory: string,
  isReady: () => Promise<boolean>,
  settings: object = {},
): Promise<RunningGateway> {
  const folders = { configHome: 'home', dataHome: 'data', stateHome: 'state', runtimeDir: 'run' }
  for (const key of Object.keys(folders) as (keyof typeof folders)[]) {
    folders[key] = join(directory, folders[key])
    mkdirSync(folders[key], { recursive: true })
  }
  // Where it looks before it downloads one.
  const envoyFolder = join(folders.dataHome, 'envoy-versions', envoyVersion, 'bin')
  mkdirSync(envoyFolder, { recursive: true })
  symlinkSync(resolve(programs.envoy), join(envoyFolder, 'envoy'))
  await promisify(execFile)(programs.envoyGateway, ['certgen', '--local', '--config-home', folders.configHome])

  const certificates = join(folders.configHome, 'certs')
  if ('api' in provider) await createSecrets(provider.api, certificates)
  const configuration = join(directory, 'envoy-gateway.yaml')
  writeFileSync(
    configuration,
    stringify({
      apiVersion: 'gateway.envoyproxy.io/v1alpha1',
      kind: 'EnvoyGateway',
      gateway: { controllerName: 'gateway.envoyproxy.io/gatewayclass-controller' },
      logging: { level: { default: 'error' } },
      provider: {
        type: 'Custom',
        custom: {
          resource:
            'api' in provider
              ? { type: 'Kubernetes', kubernetes: { leaderElection: { disable: true } } }
              : { type: 'File', file: { paths: [provider.folder] } },
          infrastructure: { type: 'Host', host: folders },
        },
      },
      extensionApis: { enableBackend: true, enableEnvoyPatchPolicy: true },
      ...settings,
    }),
  )
  const server = [programs.envoyGateway, 'server', '--config-path', configuration]
  const program = new GuardedProcess(
    'api' in provider
      ? { name: 'envoy-gateway', ...withCertificates(server, certificates, provider.api.kubeconfig) }
      : { name: 'envoy-gateway', command: server[0], args: server.slice(1) },
  )
  try {
    await untilReady(program, isReady, startTimeoutMs)
  } catch (error) {
    await program.stop()
    throw error
  }
  return { stop: () => program.stop() }
}

/** Whether this process may start one that takes its resources from an API server: it needs a mount of its own. */
export function canMountCertificates(): boolean {
  return spawnSync('unshare', [...mountFlags(), 'true']).status === 0
}

const mountFlags = () => (process.getuid?.() === 0 ? ['--mount'] : ['--map-root-user', '--mount'])

/** Runs it where {@link certificatesMount} is this gateway's certificate, and nobody else's. */
function withCertificates(server: readonly string[], certificates: string, kubeconfig: string) {
  mkdirSync(certificatesMount, { recursive: true })
  const script = `mount --bind "$0" ${certificatesMount} && exec env KUBECONFIG="$1" "\${@:2}"`
  const args = [...mountFlags(), 'bash', '-c', script, join(certificates, 'envoy-gateway'), kubeconfig, ...server]
  return { command: 'unshare', args }
}

/** What its installation makes in a cluster. */
async function createSecrets(api: KubeApi, certificates: string): Promise<void> {
  await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: systemNamespace } })
  for (const name of readdirSync(certificates)) {
    const folder = join(certificates, name)
    const files = readdirSync(folder).map((file) => [file, readFileSync(join(folder, file)).toString('base64')])
    await api.create(`/api/v1/namespaces/${systemNamespace}/secrets`, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: systemNamespace },
      data: Object.fromEntries(files),
    })
  }
}

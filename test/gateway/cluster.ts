import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { freePorts } from '../../src/demo/free-ports.ts'
import { chatBody } from '../../src/demo/probe.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { envoy } from '../e2e/envoy.ts'
import { startEnvoyGateway } from '../real/envoy-gateway.ts'
import { type KubeApi, type KubeObject, startKubeApi } from '../real/kube-api.ts'
import { createGatewayCrds } from './gateway-crds.ts'
import { apiPath, manifestPath, readManifests } from './manifests.ts'
import { overlay } from './overlay.ts'
import { parts } from './parts.ts'
import { openPodNetwork, podAddress } from './pod-network.ts'
import { applyEndpoints, applyPod, type PodEntry } from './pods.ts'
import { envoyOnHost, type Server, serverPort, startServers } from './servers.ts'

/** An installed Signalbox, and what `kubectl apply -f deploy/envoy-gateway` applies. */
export const baseFiles = [
  'manifests/serve',
  ...['gateway', 'servers', 'models', 'routes'].map((name) => `envoy-gateway/${name}`),
]

const adapters = ['travel-helper-v1', 'travel-helper-v2']
const plan = [
  { name: 'qwen-0', model: 'qwen', adapters, host: 10 },
  { name: 'qwen-1', model: 'qwen', adapters, host: 11 },
  { name: 'qwen-2', model: 'qwen', adapters, host: 12 },
  // It knows the adapter as well, so that it can answer what is mirrored to it.
  { name: 'deepseek-r1-0', model: 'deepseek-r1', adapters: ['travel-helper-v2'], host: 20 },
]

/** Labels and ports as in deploy/manifests/serve.yaml. */
export const signalboxPod: PodEntry = {
  name: 'signalbox-0',
  address: podAddress(2),
  labels: {
    'app.kubernetes.io/name': 'signalbox',
    'app.kubernetes.io/instance': 'signalbox',
    'app.kubernetes.io/component': 'serve',
  },
  ports: { 'ext-proc': 9002, metrics: 9090 },
}

/** Where Signalbox has its resources from: the files themselves, or the API that they are applied to. */
export type SourceName = 'files' | 'kubernetes'

/**
 * A real Kubernetes API and Envoy Gateway, Envoy, Signalbox and simulated model servers. Manifests are applied as they stand
 * in deploy/.
 */
export class Cluster {
  readonly api: KubeApi
  readonly servers: readonly Server[]
  /** The gateway's, e.g. `http://127.0.0.1:18080`. */
  readonly url: string
  readonly #gatewayPort: number
  /** The ready model servers, as `signalbox serve --endpoints` reads them. */
  readonly #endpointsFile: string
  /** The Services that were applied. */
  readonly #services = new Map<string, KubeObject>()
  readonly #unready = new Set<Server>()

  constructor(api: KubeApi, servers: readonly Server[], gatewayPort: number, endpointsFile: string) {
    this.api = api
    this.servers = servers
    this.url = `http://127.0.0.1:${gatewayPort}`
    this.#gatewayPort = gatewayPort
    this.#endpointsFile = endpointsFile
  }

  serversOf(model: string): Server[] {
    return this.servers.filter((server) => server.model === model)
  }

  /** As `kubectl apply -f`, of a file of deploy/. */
  async apply(file: string): Promise<void> {
    for (const object of readManifests(file)) {
      await this.api.apply(apiPath(object), overlay(object, this.#gatewayPort))
      if (object.kind === 'Service') this.#services.set(apiPath(object), object)
    }
    await this.#publish()
  }

  /** As `kubectl delete -f`. */
  async delete(file: string): Promise<void> {
    for (const object of readManifests(file)) await this.api.delete(apiPath(object))
  }

  async setReady(server: Server, isReady: boolean): Promise<void> {
    if (isReady) this.#unready.delete(server)
    else this.#unready.add(server)
    await this.#publish()
  }

  /** Says everywhere which Pods are ready. */
  async #publish(): Promise<void> {
    const ready = this.servers.filter((server) => !this.#unready.has(server)).map(({ pod }) => pod)
    for (const { pod } of this.servers) await applyPod(this.api, pod, ready.includes(pod))
    for (const service of this.#services.values()) await applyEndpoints(this.api, service, [...ready, signalboxPod])
    const endpoints = ready.map(({ name, address, labels }) => ({ name, address, port: serverPort, labels }))
    await writeFile(`${this.#endpointsFile}.new`, stringify({ endpoints }))
    await rename(`${this.#endpointsFile}.new`, this.#endpointsFile)
  }
}

export type RunningCluster = Started & { stop(): Promise<void> }

type Started = { readonly cluster: Cluster; readonly signalbox: GuardedProcess }

/**
 * Starts it all with {@link baseFiles}, and resolves when the gateway answers. Nothing stays behind when a part of it fails.
 * @param serveFlags further flags of `signalbox serve`
 */
export async function startCluster(source: SourceName, serveFlags: readonly string[] = []): Promise<RunningCluster> {
  const ends: (() => unknown)[] = []
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    return { ...(await start(source, serveFlags, ends)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(source: SourceName, serveFlags: readonly string[], ends: (() => unknown)[]): Promise<Started> {
  const network = await openPodNetwork()
  ends.push(() => network?.close())
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-cluster-'))
  ends.push(() => rm(folder, { recursive: true, force: true }))

  const servers = await startServers(plan, ends)
  const { KUBEBUILDER_ASSETS, SIGNALBOX_CRDS, ENVOY_GATEWAY_BIN } = parts.found
  const api = await startKubeApi(KUBEBUILDER_ASSETS, folder)
  ends.push(() => api.stop())
  await createGatewayCrds(api, SIGNALBOX_CRDS)
  const [gatewayPort] = await freePorts(1)
  const endpointsFile = join(folder, 'endpoints.yaml')
  const cluster = new Cluster(api, servers, gatewayPort, endpointsFile)
  for (const file of baseFiles) await cluster.apply(file)

  const signalbox = await startSignalbox([...sourceFlags(source, api, endpointsFile), ...serveFlags])
  ends.push(() => signalbox.stop())

  const gateway = await startEnvoyGateway(
    { envoyGateway: ENVOY_GATEWAY_BIN, envoy: envoy! },
    { api },
    folder,
    async () => (await fetch(`${cluster.url}/v1/chat/completions`, { method: 'POST', body: chatBody('qwen') })).ok,
    { envoyProxy: envoyOnHost },
  )
  ends.push(() => gateway.stop())
  return { cluster, signalbox }
}

function sourceFlags(source: SourceName, api: KubeApi, endpointsFile: string): string[] {
  switch (source) {
    case 'kubernetes':
      return ['--kubernetes', `--kubeconfig=${api.kubeconfig}`]
    case 'files': {
      const resources = baseFiles.map((file) => `--resources=${manifestPath(file)}`)
      return [...resources, `--endpoints=${endpointsFile}`]
    }
  }
}

/** `signalbox serve` in the place of {@link signalboxPod}. */
export async function startSignalbox(flags: readonly string[]): Promise<GuardedProcess> {
  const { address, ports } = signalboxPod
  const [healthPort] = await freePorts(1)
  const signalbox = new GuardedProcess({
    name: 'signalbox serve',
    command: join(import.meta.dirname, '..', '..', 'bin', 'signalbox'),
    args: [
      'serve',
      '--secure-serving=false',
      `--host=${address}`,
      `--grpc-health-port=${healthPort}`,
      '--drain-timeout=0s',
      // The pod's address is none of loopback.
      '--metrics-endpoint-auth=false',
      ...flags,
    ],
  })
  try {
    await untilReady(signalbox, async () => (await fetch(`http://${address}:${ports?.metrics}/metrics`)).ok)
  } catch (error) {
    await signalbox.stop()
    throw error
  }
  return signalbox
}

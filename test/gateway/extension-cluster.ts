import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../src/demo/free-ports.ts'
import { chatBody } from '../../src/demo/probe.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { envoy } from '../e2e/envoy.ts'
import { startEnvoyGateway } from '../real/envoy-gateway.ts'
import { type KubeApi, type KubeObject, startKubeApi } from '../real/kube-api.ts'
import { guideFiles, readGuide } from './extension-guide.ts'
import { extensionManager, makeCertificates } from './extension-manager.ts'
import { createGatewayCrds } from './gateway-crds.ts'
import { apiPath } from './manifests.ts'
import { overlay } from './overlay.ts'
import { parts } from './parts.ts'
import { openPodNetwork } from './pod-network.ts'
import { applyEndpoints, applyPod } from './pods.ts'
import { envoyOnHost, type Server, startServers } from './servers.ts'

const plan = [
  { name: 'qwen-0', model: 'qwen', adapters: ['travel-helper-v1', 'travel-helper-v2'], host: 30 },
  { name: 'qwen-1', model: 'qwen', adapters: ['travel-helper-v1', 'travel-helper-v2'], host: 31 },
  { name: 'qwen-2', model: 'qwen', adapters: ['travel-helper-v1', 'travel-helper-v2'], host: 32 },
  { name: 'deepseek-r1-0', model: 'deepseek-r1', adapters: [], host: 40 },
]
/** Those that the Deployments have at first. */
const firstPods = ['qwen-0', 'deepseek-r1-0']

/**
 * A real Kubernetes API, Envoy Gateway with the extension, Envoy, Signalbox and simulated model servers. Manifests are applied
 * as they stand.
 */
export class ExtensionCluster {
  readonly api: KubeApi
  readonly servers: readonly Server[]
  /** The gateway's. */
  readonly url: string
  readonly #gatewayPort: number
  readonly #startExtension: () => Promise<GuardedProcess>
  #extension: GuardedProcess
  /** The Services that were applied, and the Pods that are ready. */
  readonly #services = new Map<string, KubeObject>()
  readonly #ready = new Set<Server>()

  constructor(
    api: KubeApi,
    servers: readonly Server[],
    gatewayPort: number,
    extension: GuardedProcess,
    startExtension: () => Promise<GuardedProcess>,
  ) {
    this.api = api
    this.servers = servers
    this.url = `http://127.0.0.1:${gatewayPort}`
    this.#gatewayPort = gatewayPort
    this.#extension = extension
    this.#startExtension = startExtension
  }

  get extension(): GuardedProcess {
    return this.#extension
  }

  serverNamed(name: string): Server {
    return this.servers.find((server) => server.pod.name === name)!
  }

  /** As `kubectl apply -f`. */
  async apply(file: string): Promise<void> {
    for (const object of readGuide(file)) await this.applyObject(object)
    await this.#publishEndpoints()
  }

  async applyObject(object: KubeObject): Promise<void> {
    await this.api.apply(apiPath(object), overlay(object, this.#gatewayPort))
    if (object.kind === 'Service') this.#services.set(apiPath(object), object)
  }

  /** As `kubectl delete -f`. */
  async delete(file: string): Promise<void> {
    for (const object of readGuide(file)) await this.api.delete(apiPath(object))
  }

  async addPod(name: string): Promise<void> {
    const server = this.serverNamed(name)
    await applyPod(this.api, server.pod, true)
    this.#ready.add(server)
    await this.#publishEndpoints()
  }

  /** As a Pod that was deleted and has ended. */
  async deletePod(name: string): Promise<void> {
    const server = this.serverNamed(name)
    this.#ready.delete(server)
    await this.api.delete(`/api/v1/namespaces/default/pods/${name}?gracePeriodSeconds=0`)
    await this.#publishEndpoints()
  }

  /** What Envoy Gateway makes in a cluster, where Envoy is a Deployment behind a Service. */
  async announceEnvoy(): Promise<void> {
    const metadata = { name: 'envoy', namespace: 'envoy-gateway-system', labels: envoyLabels }
    const service = { apiVersion: 'v1', kind: 'Service', metadata }
    const ports = [{ name: 'llm-gw', port: this.#gatewayPort, protocol: 'TCP' }]
    await this.api.apply(apiPath(service), { ...service, spec: { type: 'LoadBalancer', ports } })
    await this.api.patch(`${apiPath(service)}/status`, { status: { loadBalancer: { ingress: [{ ip: '127.0.0.1' }] } } })
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata }
    const template = { metadata: { labels: envoyLabels }, spec: { containers: [{ name: 'envoy', image: 'envoy' }] } }
    await this.api.apply(apiPath(deployment), {
      ...deployment,
      spec: { selector: { matchLabels: envoyLabels }, template },
    })
    const status = { replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 }
    await this.api.patch(`${apiPath(deployment)}/status`, { status })
  }

  async killExtension(): Promise<void> {
    process.kill(this.#extension.pid, 'SIGKILL')
    await this.#extension.ended
  }

  async restartExtension(): Promise<void> {
    this.#extension = await this.#startExtension()
  }

  async #publishEndpoints(): Promise<void> {
    const pods = [...this.#ready].map(({ pod }) => pod)
    for (const service of this.#services.values()) await applyEndpoints(this.api, service, pods)
  }
}

const envoyLabels = {
  'app.kubernetes.io/name': 'envoy',
  'app.kubernetes.io/component': 'proxy',
  'app.kubernetes.io/managed-by': 'envoy-gateway',
  'gateway.envoyproxy.io/owning-gateway-name': 'inference-gateway',
  'gateway.envoyproxy.io/owning-gateway-namespace': 'default',
}

export type ExtensionClusterOptions = {
  /** Hooks and discovery over TLS. */
  readonly speaksTls?: boolean
}

export type RunningCluster = { readonly cluster: ExtensionCluster; stop(): Promise<void> }

/** Starts it all with {@link guideFiles}, and resolves when the gateway answers. Nothing stays behind when a part of it fails. */
export async function startExtensionCluster(options: ExtensionClusterOptions = {}): Promise<RunningCluster> {
  const ends: (() => unknown)[] = []
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    return { cluster: await start(options, ends), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(
  { speaksTls = false }: ExtensionClusterOptions,
  ends: (() => unknown)[],
): Promise<ExtensionCluster> {
  const network = await openPodNetwork()
  ends.push(() => network?.close())
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-extension-'))
  ends.push(() => rm(folder, { recursive: true, force: true }))
  const servers = await startServers(plan, ends)

  const { KUBEBUILDER_ASSETS, SIGNALBOX_CRDS, ENVOY_GATEWAY_BIN } = parts.found
  const api = await startKubeApi(KUBEBUILDER_ASSETS, folder)
  ends.push(() => api.stop())
  await createGatewayCrds(api, SIGNALBOX_CRDS)

  const [gatewayPort, extensionPort, extProcPort, ...otherPorts] = await freePorts(7)
  const serve = runSignalbox('serve', api, otherPorts.slice(0, 2), [`--grpc-port=${extProcPort}`, '--drain-timeout=0s'])
  ends.push(() => serve.stop())
  const certificates = speaksTls ? await makeCertificates(folder, api) : undefined
  const startExtension = async () => {
    const program = runSignalbox('extension', api, otherPorts.slice(2), [
      `--extension-port=${extensionPort}`,
      // By name, as Services are reached.
      `--endpoint-discovery-address=localhost:${extensionPort}`,
      `--ext-proc-address=localhost:${extProcPort}`,
      ...(certificates === undefined ? [] : [`--cert-path=${certificates}`]),
    ])
    await untilReady(program, async () => (await fetch(`http://127.0.0.1:${otherPorts[3]}/metrics`)).ok)
    return program
  }
  const extension = await startExtension()
  const cluster = new ExtensionCluster(api, servers, gatewayPort, extension, startExtension)
  ends.push(() => cluster.extension.stop())
  for (const file of guideFiles) await cluster.apply(file)
  for (const pod of firstPods) await cluster.addPod(pod)

  const gateway = await startEnvoyGateway(
    { envoyGateway: ENVOY_GATEWAY_BIN, envoy: envoy! },
    { api },
    folder,
    async () => (await fetch(`${cluster.url}/v1/chat/completions`, { method: 'POST', body: chatBody('qwen') })).ok,
    {
      extensionManager: extensionManager(extensionPort, speaksTls),
      envoyProxy: envoyOnHost,
    },
  )
  ends.push(() => gateway.stop())
  return cluster
}

function runSignalbox(
  command: string,
  api: KubeApi,
  [healthPort, metricsPort]: readonly number[],
  flags: readonly string[],
): GuardedProcess {
  return new GuardedProcess({
    name: `signalbox ${command}`,
    command: join(import.meta.dirname, '..', '..', 'bin', 'signalbox'),
    args: [
      command,
      '--kubernetes',
      `--kubeconfig=${api.kubeconfig}`,
      '--host=127.0.0.1',
      `--grpc-health-port=${healthPort}`,
      `--metrics-port=${metricsPort}`,
      ...flags,
    ],
  })
}

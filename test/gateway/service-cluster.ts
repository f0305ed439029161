import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, type Received } from '../../src/demo/client.ts'
import { freePorts } from '../../src/demo/free-ports.ts'
import { chatBody } from '../../src/demo/probe.ts'
import type { ResourceKind } from '../../src/kubernetes/object.ts'
import { envoy } from '../e2e/envoy.ts'
import { read, startController } from '../kube/controller.ts'
import { createNamespace, installOmeCrd, routeCrdNames } from '../kube/route-cluster.ts'
import { createCrds } from '../real/crds.ts'
import { startEnvoyGateway } from '../real/envoy-gateway.ts'
import { type KubeApi, type KubeObject, startKubeApi } from '../real/kube-api.ts'
import { createGatewayCrds } from './gateway-crds.ts'
import { apiPath, readManifests } from './manifests.ts'
import { overlay } from './overlay.ts'
import { parts } from './parts.ts'
import { openPodNetwork } from './pod-network.ts'
import { type PlannedService, startServices } from './route-servers.ts'
import { envoyOnHost, type Server } from './servers.ts'

/** Where the services of the tests are. */
export const namespace = 'ml-team'
/** The only Gateway, that of deploy/envoy-gateway, as a gatewayRef has it. */
export const gateway = { namespace: 'default', name: 'inference-gateway' }

const { aimService, aimRuntimeConfig, aimClusterRuntimeConfig } = routeCrdNames
const aimCrds = [aimService, aimRuntimeConfig, aimClusterRuntimeConfig]

/** What came of a request: the status, and what a server said that it got, where one was reached. */
export type Answer = {
  readonly status: number
  readonly server?: string
  /** With its query. */
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * A real Kubernetes API, Envoy Gateway and Envoy, a `signalbox controller` that makes the routes, and simulated model servers
 * behind Services.
 */
export class ServiceCluster {
  readonly api: KubeApi
  readonly servers: readonly Server[]
  /** The gateway's. */
  readonly url: string
  readonly #client: Client

  constructor(api: KubeApi, servers: readonly Server[], url: string) {
    this.api = api
    this.servers = servers
    this.url = url
    this.#client = new Client(url)
  }

  close(): void {
    this.#client.close()
  }

  /** As `kubectl apply`, in namespace {@link namespace} where none is named. */
  async apply(...objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects.map(inNamespace)) await this.api.apply(apiPath(object), object)
  }

  /** Asks by POST what a server gets of a request. */
  async ask(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const asked = { path, headers: { 'x-sim-echo': 'request', ...headers }, body: '{}' }
    const { status, body } = await this.#client.send(asked)
    return status === 200 ? { status, ...JSON.parse(body.toString()) } : { status }
  }

  /** A chat completion, which only a server of that model has. */
  chat(path: string, model: string, headers: Readonly<Record<string, string>> = {}): Promise<Received> {
    return this.#client.send({ path, headers, body: chatBody(model) })
  }

  /** Of a service in namespace {@link namespace}; undefined while it has none. */
  async condition(kind: ResourceKind, name: string, type: string): Promise<Record<string, unknown> | undefined> {
    const { status } = await read(this.api, kind, name, namespace)
    return status?.conditions?.find((condition) => condition.type === type)
  }
}

function inNamespace(object: KubeObject): KubeObject {
  if (object.kind === 'AIMClusterRuntimeConfig' || object.kind === 'GatewayClass') return object
  return { ...object, metadata: { namespace, ...object.metadata } }
}

export type ServiceClusterPlan = {
  readonly services: readonly PlannedService[]
  /** The first ones, which the controller finds when it starts. */
  readonly objects: readonly KubeObject[]
  readonly isReady: (cluster: ServiceCluster) => Promise<boolean>
}

export type RunningServiceCluster = { readonly cluster: ServiceCluster; stop(): Promise<void> }

/** Starts it all, and resolves when `isReady` holds. Nothing stays behind when a part of it fails. */
export async function startServiceCluster(plan: ServiceClusterPlan): Promise<RunningServiceCluster> {
  const ends: (() => unknown)[] = []
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    return { cluster: await start(plan, ends), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(
  { services, objects, isReady }: ServiceClusterPlan,
  ends: (() => unknown)[],
): Promise<ServiceCluster> {
  const network = await openPodNetwork()
  ends.push(() => network?.close())
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-services-'))
  ends.push(() => rm(folder, { recursive: true, force: true }))
  const { KUBEBUILDER_ASSETS, SIGNALBOX_CRDS, ENVOY_GATEWAY_BIN } = parts.found
  const api = await startKubeApi(KUBEBUILDER_ASSETS, folder)
  ends.push(() => api.stop())
  await createGatewayCrds(api, SIGNALBOX_CRDS)
  await createCrds(api, SIGNALBOX_CRDS, aimCrds)
  await installOmeCrd(api, 'full')
  for (const name of [namespace, 'ome']) await createNamespace(api, name)

  const [port] = await freePorts(1)
  const servers = await startServices(api, services, ends)
  const cluster = new ServiceCluster(api, servers, `http://127.0.0.1:${port}`)
  ends.push(() => cluster.close())
  await cluster.apply(...gatewayObjects(port), ...objects)
  const controller = await startController(api.kubeconfig)
  ends.push(() => controller.stop())
  await controller.untilIdle()
  const envoyGateway = await startEnvoyGateway(
    { envoyGateway: ENVOY_GATEWAY_BIN, envoy: envoy! },
    { api },
    folder,
    () => isReady(cluster),
    { envoyProxy: envoyOnHost },
  )
  ends.push(() => envoyGateway.stop())
  return cluster
}

/** The manifests as they are, but that the Gateway takes routes of all namespaces, and listens elsewhere. */
const gatewayObjects = (port: number): KubeObject[] =>
  readManifests('envoy-gateway/gateway').flatMap((object) => {
    if (object.kind !== 'Gateway') return object.kind === 'GatewayClass' ? [object] : []
    const { spec, ...rest } = overlay(object, port) as KubeObject & { spec: { listeners: object[] } }
    const listeners = spec.listeners.map((each) => ({ ...each, allowedRoutes: { namespaces: { from: 'All' } } }))
    return [{ ...rest, spec: { ...spec, listeners } }]
  })

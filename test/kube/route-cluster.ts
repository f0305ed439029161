import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { systemClock } from '../../src/clock.ts'
import { Controller } from '../../src/controller/controller.ts'
import { KubeClient } from '../../src/kubernetes/client.ts'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { loadKubeconfig } from '../../src/kubernetes/kubeconfig.ts'
import { collectionPath, objectPath, type ResourceKind } from '../../src/kubernetes/object.ts'
import { createCrds } from '../real/crds.ts'
import type { KubeApi, KubeObject } from '../real/kube-api.ts'
import { crdNames, parts, startCluster } from './cluster.ts'
import { eventually, type Stored } from './controller.ts'

/** The two CRDs that OME is met with: of the guide's manifests, and of its releases. */
export type OmeCrd = 'minimal' | 'full'

export const routeCrdNames = {
  aimService: 'aimservices.aim.eai.amd.com',
  aimRuntimeConfig: 'aimruntimeconfigs.aim.eai.amd.com',
  aimClusterRuntimeConfig: 'aimclusterruntimeconfigs.aim.eai.amd.com',
  httpRoute: crdNames.httpRoute,
  securityPolicy: 'securitypolicies.gateway.envoyproxy.io',
  virtualService: 'virtualservices.networking.istio.io',
} as const

/** An API server with all kinds that routes are made from and of. */
export async function startRouteCluster(ome: OmeCrd | undefined, names?: readonly string[]): Promise<KubeApi> {
  const api = await startCluster(names ?? Object.values(routeCrdNames))
  if (ome !== undefined) await installOmeCrd(api, ome)
  for (const namespace of ['ome', 'ml-team']) await createNamespace(api, namespace)
  return api
}

export async function installOmeCrd(api: KubeApi, ome: OmeCrd): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-crd-'))
  cpSync(join(parts.SIGNALBOX_CRDS, 'ome', `inferenceservices-${ome}.yaml`), join(folder, 'crd.yaml'))
  await createCrds(api, folder, ['inferenceservices.ome.io'])
  rmSync(folder, { recursive: true })
}

export async function createNamespace(api: KubeApi, name: string): Promise<void> {
  await api.apply(`/api/v1/namespaces/${name}`, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
}

/** The kinds that are generated. */
export const generated: readonly ResourceKind[] = [
  kinds.service,
  kinds.securityPolicy,
  kinds.ingress,
  kinds.virtualService,
  kinds.httpRoute,
]
/** The kinds that they are generated from, and deleted first. */
export const sources: readonly ResourceKind[] = [
  kinds.inferenceService,
  kinds.aimService,
  kinds.aimRuntimeConfig,
  kinds.aimClusterRuntimeConfig,
]

export const pathOf = (kind: ResourceKind, { metadata }: Pick<KubeObject, 'metadata'>, subresource?: string): string =>
  kind === kinds.aimClusterRuntimeConfig
    ? `${collectionPath(kind)}/${metadata.name}`
    : objectPath(kind, metadata.namespace ?? 'default', metadata.name, subresource)

/** All objects of a kind; none of one that is not installed. */
export async function list(api: KubeApi, kind: ResourceKind): Promise<Stored[]> {
  const { items } = (await api.get(collectionPath(kind)).catch(() => ({ items: [] }))) as { items: Stored[] }
  return items.map((item) => ({ ...item, apiVersion: kind.apiVersion, kind: kind.kind }))
}

export type Owned = Stored & { metadata: { ownerReferences?: { kind: string; uid: string; controller?: boolean }[] } }

/** All objects that services control. */
export async function listGenerated(api: KubeApi): Promise<Owned[]> {
  const all = await Promise.all(generated.map((kind) => list(api, kind)))
  return (all.flat() as Owned[]).filter(({ metadata }) =>
    metadata.ownerReferences?.some(({ kind }) => kind === 'InferenceService' || kind === 'AIMService'),
  )
}

/** Leaves the cluster as it was at the start. */
export async function clear(api: KubeApi): Promise<void> {
  for (const kind of [...sources, ...generated, kinds.configMap]) {
    for (const object of await list(api, kind)) {
      // The API server's own.
      if (object.metadata.name === 'kubernetes' || object.metadata.namespace?.startsWith('kube-')) continue
      if ('finalizers' in object.metadata) await api.patch(pathOf(kind, object), { metadata: { finalizers: null } })
      await api.delete(pathOf(kind, object)).catch(ignoreMissing)
    }
  }
}

export function ignoreMissing(error: Error): void {
  if (!error.message.includes(': 404 ')) throw error
}

/** A controller in this process. */
export async function startRouteController(api: KubeApi, kubeconfig = api.kubeconfig): Promise<Controller> {
  const controller = new Controller(
    new KubeClient(await loadKubeconfig(kubeconfig)),
    {
      namespace: undefined,
      routes: { omeConfig: { namespace: 'ome', name: 'inferenceservice-config' } },
      poolStatusFor: undefined,
      rollouts: undefined,
      leaseNamespace: 'default',
      identity: `test-${Math.random()}`,
      clock: systemClock,
      random: Math.random,
    },
    pino({ level: 'silent' }),
  )
  if (!(await controller.start())) throw new Error('the controller was closed')
  return controller
}

/** What the controller has not been told yet it will be within so many milliseconds. */
const toldMs = 200

/** Waits until the controller has done all that the cluster asks of it. */
export async function untilStill(api: KubeApi, controller: Controller): Promise<void> {
  let revision = ''
  let sinceMs = performance.now()
  await eventually(async () => {
    const { metadata } = (await api.get(`${collectionPath(kinds.configMap, 'ome')}?limit=1`)) as Stored
    // It grows with every write, whatever the kind: a lease is renewed every two seconds.
    if (metadata.resourceVersion !== revision || !controller.isIdle) sinceMs = performance.now()
    revision = metadata.resourceVersion
    if (performance.now() - sinceMs < toldMs) throw new Error('the controller is not done')
  })
}

import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collectionPath, objectPath, type ResourceKind } from '../../src/kubernetes/object.ts'
import { createCrds } from '../real/crds.ts'
import { type KubeApi, type KubeObject, startKubeApi } from '../real/kube-api.ts'
import { findParts } from '../real/parts.ts'

/** What tests on a real API server need; without it they are skipped with these lines. */
export const { found: parts, missing } = findParts(['KUBEBUILDER_ASSETS', 'SIGNALBOX_CRDS'])
export const isSkipped = missing.length > 0
if (isSkipped) console.warn(`skipped, as there is no Kubernetes API: ${missing.join('; ')}`)

export const crdNames = {
  poolV1: 'inferencepools.inference.networking.k8s.io',
  poolV1alpha2: 'inferencepools.inference.networking.x-k8s.io',
  model: 'inferencemodels.inference.networking.x-k8s.io',
  objective: 'inferenceobjectives.inference.networking.x-k8s.io',
  rewrite: 'inferencemodelrewrites.inference.networking.x-k8s.io',
  objectiveLlmd: 'inferenceobjectives.llm-d.ai',
  rewriteLlmd: 'inferencemodelrewrites.llm-d.ai',
  httpRoute: 'httproutes.gateway.networking.k8s.io',
} as const

/** A real API server with the CRDs of that name; all files of it go away with {@link stop}. */
export async function startCluster(crds: readonly string[] = Object.values(crdNames)): Promise<KubeApi> {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-kube-'))
  const api = await startKubeApi(parts.KUBEBUILDER_ASSETS, directory)
  await installCrds(api, crds)
  const stop = async () => {
    await api.stop()
    await rm(directory, { recursive: true, force: true })
  }
  return { ...api, stop }
}

export const installCrds = (api: KubeApi, names: readonly string[]) => createCrds(api, parts.SIGNALBOX_CRDS, names)

/** Creates an object, or changes it. */
export function put(api: KubeApi, kind: ResourceKind, object: Partial<KubeObject> & Pick<KubeObject, 'metadata'>) {
  const { namespace = 'default', name } = object.metadata
  const { apiVersion, kind: kindName } = kind
  const metadata = { ...object.metadata, namespace }
  return api.apply(objectPath(kind, namespace, name), { ...object, apiVersion, kind: kindName, metadata })
}

export const remove = (api: KubeApi, kind: ResourceKind, name: string, namespace = 'default') =>
  api.delete(objectPath(kind, namespace, name))

export type PodStatus = { readonly ip: string; readonly isReady?: boolean }

/** Creates a Pod and plays the kubelet's part. */
export async function putPod(
  api: KubeApi,
  metadata: KubeObject['metadata'],
  { ip, isReady = true }: PodStatus,
): Promise<void> {
  const { namespace = 'default', name } = metadata
  const pods = collectionPath({ apiVersion: 'v1', kind: 'Pod', plural: 'pods' }, namespace)
  await api.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, namespace },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'server', image: 'model-server' }] },
  })
  await setPodStatus(api, name, { ip, isReady }, namespace)
}

export async function setPodStatus(
  api: KubeApi,
  name: string,
  { ip, isReady = true }: PodStatus,
  namespace = 'default',
): Promise<void> {
  await api.patch(`/api/v1/namespaces/${namespace}/pods/${name}/status`, {
    status: {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
    },
  })
}

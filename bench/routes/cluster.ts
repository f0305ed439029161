import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { collectionPath, type ResourceKind } from '../../src/kubernetes/object.ts'
import { createCrds } from '../../test/real/crds.ts'
import { type KubeApi, type KubeObject, startKubeApi } from '../../test/real/kube-api.ts'

const crdNames = [
  ...['aimservices', 'aimruntimeconfigs', 'aimclusterruntimeconfigs'].map((name) => `${name}.aim.eai.amd.com`),
  'httproutes.gateway.networking.k8s.io',
  'securitypolicies.gateway.envoyproxy.io',
  'virtualservices.networking.istio.io',
]
/** Creates that are under way at once. */
const concurrency = 16

export const omeConfig = { namespace: 'ome', name: 'inferenceservice-config' } as const

/** A real API server with the CRDs that routes are made from and of, and OME's configuration. */
export async function startCluster(assets: string, crds: string, directory: string): Promise<KubeApi> {
  const api = await startKubeApi(assets, directory)
  await createCrds(api, crds, crdNames)
  // There are two CRDs of this name.
  const omeCrd = join(directory, 'crds')
  mkdirSync(omeCrd)
  cpSync(join(crds, 'ome/inferenceservices-full.yaml'), join(omeCrd, 'inferenceservices.yaml'))
  await createCrds(api, omeCrd, ['inferenceservices.ome.io'])
  await createNamespace(api, omeConfig.namespace)
  await api.create(collectionPath(kinds.configMap, omeConfig.namespace), {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: omeConfig,
    data: { deploy: '{"defaultDeploymentMode": "RawDeployment"}' },
  } as KubeObject)
  return api
}

/** A namespace with so many AIMServices and as many InferenceServices. */
export async function fillNamespace(api: KubeApi, namespace: string, services: number): Promise<void> {
  await createNamespace(api, namespace)
  const indices = Array.from({ length: services }, (_, index) => index)
  const create = (kind: ResourceKind, name: string, spec: object) =>
    api.create(collectionPath(kind, namespace), {
      apiVersion: kind.apiVersion,
      kind: kind.kind,
      metadata: { name, namespace },
      spec,
    })
  await eachAtOnce(indices, concurrency, async (index) => {
    await create(kinds.aimService, `aim-${index}`, aimSpec(index))
    await create(kinds.inferenceService, `ome-${index}`, { engine: { minReplicas: 1 } })
  })
}

export const aimSpec = (index: number, prefix = '') => ({
  model: { name: `model-${index}` },
  routing: {
    enabled: true,
    gatewayRef: { name: 'inference-gateway', namespace: 'gateways' },
    pathTemplate: `${prefix}/{.metadata.namespace}/{.metadata.name}`,
    requestTimeout: '120s',
  },
})

async function createNamespace(api: KubeApi, name: string): Promise<void> {
  await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
}

/** Does something with each item, for a few of them at once. */
export async function eachAtOnce<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const rest = items.values()
  const worker = async () => {
    for (const item of rest) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

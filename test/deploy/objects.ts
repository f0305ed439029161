import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { createCrds } from '../real/crds.ts'
import { type KubeApi, type KubeObject, startKubeApi } from '../real/kube-api.ts'

export const deploy = join(import.meta.dirname, '..', '..', 'deploy')
export const golden = join(import.meta.dirname, 'golden')

/** What is in the repository to be applied: all three components in namespace default, with all that they can do. */
export const manifests = [
  'manifests/serve.yaml',
  'manifests/controller.yaml',
  'manifests-with-extension/extension.yaml',
  'manifests-with-extension/pool-status.yaml',
  'components/routes/routes.yaml',
].map((name) => join(deploy, name))

/** What the chart makes of values that are not its defaults. */
export const renderings = ['everything.yaml', 'one-pool.yaml'].map((name) => join(golden, name))

export function objectsIn(file: string): KubeObject[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).flatMap((document) => {
    const object = document.toJS() as KubeObject | null
    return object === null ? [] : [object]
  })
}

/** Of other projects; a cluster has them from there. */
const otherCrds = [
  'inferencepools.inference.networking.k8s.io',
  'inferencepools.inference.networking.x-k8s.io',
  'inferenceobjectives.inference.networking.x-k8s.io',
  'inferencemodelrewrites.inference.networking.x-k8s.io',
  'inferenceobjectives.llm-d.ai',
  'inferencemodelrewrites.llm-d.ai',
  'httproutes.gateway.networking.k8s.io',
  'gateways.gateway.networking.k8s.io',
  'gatewayclasses.gateway.networking.k8s.io',
  'inferenceservices.ome.io',
  'aimservices.aim.eai.amd.com',
  'aimruntimeconfigs.aim.eai.amd.com',
  'aimclusterruntimeconfigs.aim.eai.amd.com',
  'virtualservices.networking.istio.io',
  'securitypolicies.gateway.envoyproxy.io',
]

/** A real API server with the CRD of deploy/crds, the namespaces `inference` and `elsewhere`, and the CRDs in folder `crds`. */
export async function startCluster(assets: string, crds: string, directory: string): Promise<KubeApi> {
  const api = await startKubeApi(assets, directory)
  await createCrds(api, crds, otherCrds)
  await createCrds(api, join(deploy, 'crds'), ['inferencemodels.inference.networking.x-k8s.io'])
  for (const name of ['inference', 'elsewhere']) await createNamespace(api, name)
  return api
}

export async function createNamespace(api: KubeApi, name: string, labels: Record<string, string> = {}): Promise<void> {
  await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })
}

type Served = { readonly name: string; readonly kind: string; readonly namespaced: boolean }

/** Where objects of its kind and namespace are created: asks the API what it serves. */
export async function collectionOf(api: KubeApi, { apiVersion, kind, metadata }: KubeObject): Promise<string> {
  const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const { resources } = (await api.get(base)) as { resources: readonly Served[] }
  const served = resources.find((one) => one.kind === kind && !one.name.includes('/'))
  if (!served) throw new Error(`the API serves no ${kind} of ${apiVersion}`)
  return `${base}${served.namespaced ? `/namespaces/${metadata.namespace}` : ''}/${served.name}`
}

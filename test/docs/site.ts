import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { applyPod } from '../gateway/pods.ts'
import { crdNames } from '../kube/cluster.ts'
import { createCrds } from '../real/crds.ts'
import { type KubeApi, type KubeObject, startKubeApi } from '../real/kube-api.ts'
import { root } from './blocks.ts'

const run = promisify(execFile)

const crds = [
  ...Object.values(crdNames).filter((name) => name !== crdNames.model),
  ...['gatewayclasses', 'gateways'].map((name) => `${name}.gateway.networking.k8s.io`),
  ...[
    'backends',
    'backendtrafficpolicies',
    'clienttrafficpolicies',
    'envoyextensionpolicies',
    'httproutefilters',
    'securitypolicies',
  ].map((name) => `${name}.gateway.envoyproxy.io`),
  'inferenceservices.ome.io',
  ...['aimservices', 'aimruntimeconfigs', 'aimclusterruntimeconfigs'].map((name) => `${name}.aim.eai.amd.com`),
  'virtualservices.networking.istio.io',
]

const pods = [
  ...['qwen-0', 'qwen-1', 'qwen-2'].map((name) => ({ name, app: 'qwen' })),
  ...['deepseek-r1-0', 'deepseek-r1-1'].map((name) => ({ name, app: 'deepseek-r1' })),
]

/** A real Kubernetes API where others have been before the reader: kinds, namespaces, model servers. */
export async function startSite(assets: string, crdFolder: string, folder: string): Promise<KubeApi> {
  const api = await startKubeApi(assets, folder)
  await createCrds(api, crdFolder, crds)
  for (const name of ['ai', 'edge', 'ml-team', 'monitoring', 'ome', 'research']) {
    await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }
  for (const { name, app } of pods) {
    await applyPod(api, { name, address: '127.0.0.1', labels: { app } }, true)
  }
  return api
}

/** Applies what documents go on from: a gateway with its models, services of others, and what a reader may come from. */
export async function furnish(kubectl: string, api: KubeApi): Promise<void> {
  const apply = (...args: string[]) => run(kubectl, ['--kubeconfig', api.kubeconfig, 'apply', ...args], { cwd: root })
  await apply('-k', 'deploy/crds')
  const folders = ['deploy/envoy-gateway', 'deploy/envoy-gateway/extensions', 'examples/routes', 'test/docs/site']
  await apply(...folders.map((folder) => `--filename=${folder}`))
}

const deployments = '/apis/apps/v1/deployments'
const gateways = '/apis/gateway.networking.k8s.io/v1/gateways'

/** Does what controllers do, until it is stopped: Deployments have their pods, Gateways an address. */
export function playControllers(api: KubeApi): { stop(): Promise<void> } {
  let isOver = false
  const play = async () => {
    for (const object of await list(api, deployments)) await settle(api, object)
    for (const object of await list(api, gateways)) await program(api, object)
  }
  const playAll = async () => {
    while (!isOver) {
      // While a CRD changes the API answers 429; and an object may go in between.
      await play().catch(() => {})
      await sleep(500)
    }
  }
  const played = playAll()
  return {
    async stop() {
      isOver = true
      await played
    },
  }
}

type Found = KubeObject & { metadata: { generation: number }; spec: { replicas?: number }; status?: Status }
type Status = { observedGeneration?: number; addresses?: unknown }

async function list(api: KubeApi, collection: string): Promise<readonly Found[]> {
  return ((await api.get(collection)) as { items: Found[] }).items
}

async function settle(api: KubeApi, { metadata, spec, status }: Found): Promise<void> {
  const { namespace, name, generation } = metadata
  if (status?.observedGeneration === generation) return
  const { replicas = 1 } = spec
  const counts = { replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas }
  await api.patch(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}/status`, {
    status: { observedGeneration: generation, ...counts },
  })
}

async function program(api: KubeApi, { metadata, status }: Found): Promise<void> {
  if (status?.addresses !== undefined) return
  const { namespace, name, generation } = metadata
  const condition = (type: string) => ({
    type,
    status: 'True',
    reason: type,
    message: '',
    observedGeneration: generation,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  })
  await api.patch(join(gateways.replace('gateways', `namespaces/${namespace}/gateways`), name, 'status'), {
    status: {
      addresses: [{ type: 'IPAddress', value: '127.0.0.1' }],
      conditions: ['Accepted', 'Programmed'].map(condition),
    },
  })
}

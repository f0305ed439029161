import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { createCrds } from '../../test/real/crds.ts'
import { type KubeObject, startKubeApi } from '../../test/real/kube-api.ts'
import { type OwnServer, startServer } from '../peers/server.ts'
import type { AnswerBody } from './gateway-resources.ts'

/** Who chooses the model server of each request. `signalbox` stands for one process, `signalbox × 3` for three behind one Envoy. */
export const pickerNames = ['random', 'reference', 'signalbox', 'signalbox × 3'] as const
export type PickerName = (typeof pickerNames)[number]

/** Pickers that run, and how Envoy is to treat answers for them. */
export type Pickers = {
  readonly processors: readonly OwnServer[]
  readonly answerBody: AnswerBody
  stop(): Promise<void>
}

/** As the reference has it: a picker counts requests until their answers end, and reads what came from caches. */
export const defaultAnswerBody: AnswerBody = 'FullDuplexStreamed'

export type PickerParts = {
  readonly KUBEBUILDER_ASSETS: string
  readonly SIGNALBOX_CRDS: string
  readonly REFERENCE_EPP: string
}
export type PickerOptions = {
  readonly parts: PickerParts
  /** An EndpointPickerConfig file for signalbox; without it, its defaults, and for several the one of the examples. */
  readonly config: string | undefined
  /** What signalbox sees of answers. */
  readonly answerBody: AnswerBody
}

const namespace = 'default'
const poolName = 'bench'
const labels = { app: 'bench-model-server' }
const replicas = 3
/** For replicas that share nothing. */
const replicasConfig = fileURLToPath(new URL('../../examples/scheduling/replicas.yaml', import.meta.url))
const signalbox = fileURLToPath(new URL('../../bin/signalbox', import.meta.url))
const crds = [
  'inferencepools.inference.networking.k8s.io',
  'inferenceobjectives.inference.networking.x-k8s.io',
  'inferencemodelrewrites.inference.networking.x-k8s.io',
]

/** Starts the named picker on the pool of model servers at these ports of 127.0.0.1; what it writes goes below `directory`. */
export async function startPickers(
  name: PickerName,
  ports: readonly number[],
  options: PickerOptions,
  directory: string,
): Promise<Pickers> {
  switch (name) {
    case 'random':
      return { processors: [], answerBody: 'skipped', stop: async () => {} }
    case 'reference':
      return startReference(ports, options.parts, directory)
    case 'signalbox':
      return startSignalbox(1, ports, options, directory)
    case 'signalbox × 3':
      return startSignalbox(replicas, ports, { ...options, config: options.config ?? replicasConfig }, directory)
  }
}

async function startSignalbox(
  count: number,
  ports: readonly number[],
  { config, answerBody }: PickerOptions,
  directory: string,
): Promise<Pickers> {
  const resources = join(directory, 'signalbox')
  mkdirSync(resources, { recursive: true })
  const endpoints = join(directory, 'endpoints.yaml')
  writeFileSync(join(resources, 'pool.yaml'), stringify(inferencePool(ports)))
  writeFileSync(
    endpoints,
    stringify(
      {
        endpoints: ports.map((port, i) => ({
          name: `model-server-${i + 1}`,
          namespace,
          address: '127.0.0.1',
          port,
          labels,
        })),
      },
      { aliasDuplicateObjects: false },
    ),
  )
  const args = [
    'serve',
    `--resources=${resources}`,
    `--endpoints=${endpoints}`,
    `--pool-name=${poolName}`,
    `--pool-namespace=${namespace}`,
    ...(config === undefined ? [] : [`--config-file=${config}`]),
  ]
  const processors: OwnServer[] = []
  const stop = async () => {
    for (const processor of processors) await processor.stop()
  }
  try {
    for (let i = 0; i < count; i++) processors.push(await startServer('signalbox', signalbox, args))
  } catch (error) {
    await stop()
    throw error
  }
  return { processors, answerBody, stop }
}

/** The Go endpoint picker reads its pool from Kubernetes only, so it gets a real API server. */
async function startReference(ports: readonly number[], parts: PickerParts, directory: string): Promise<Pickers> {
  const api = await startKubeApi(parts.KUBEBUILDER_ASSETS, directory)
  try {
    await createCrds(api, parts.SIGNALBOX_CRDS, crds)
    await api.create(
      `/apis/inference.networking.k8s.io/v1/namespaces/${namespace}/inferencepools`,
      inferencePool(ports),
    )
    const pods = `/api/v1/namespaces/${namespace}/pods`
    // One pod with a rank on each port: all servers share one address.
    await api.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'model-server', namespace, labels },
      spec: { containers: [{ name: 'server', image: 'model-server' }] },
    })
    await api.patch(`${pods}/model-server/status`, {
      status: {
        phase: 'Running',
        podIP: '127.0.0.1',
        podIPs: [{ ip: '127.0.0.1' }],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    })
    const picker = await startServer('EPP', 'env', [
      `KUBECONFIG=${api.kubeconfig}`,
      parts.REFERENCE_EPP,
      '--tracing=false',
      '-v=1',
      `--pool-name=${poolName}`,
      `--pool-namespace=${namespace}`,
    ])
    return {
      processors: [picker],
      // As its own chart sets it.
      answerBody: 'FullDuplexStreamed',
      async stop() {
        await picker.stop()
        await api.stop()
      },
    }
  } catch (error) {
    await api.stop()
    throw error
  }
}

function inferencePool(ports: readonly number[]): KubeObject {
  return {
    apiVersion: 'inference.networking.k8s.io/v1',
    kind: 'InferencePool',
    metadata: { name: poolName, namespace },
    spec: {
      selector: { matchLabels: labels },
      targetPorts: ports.map((number) => ({ number })),
      endpointPickerRef: { name: 'endpoint-picker', port: { number: 9002 } },
    },
  }
}

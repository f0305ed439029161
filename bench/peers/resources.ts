import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { EndpointSpec } from '../../src/pool/endpoint.ts'
import type { KubeApi, KubeObject } from '../../test/real/kube-api.ts'
import { type Fleet, fleetLabels, fleetNamespace } from './fleet.ts'

/** The model name of all requests: a base model that the pool's servers know under the same name. */
export const modelName = 'qwen'
export const poolName = 'bench'

function inferencePool(fleet: Fleet): KubeObject {
  return {
    apiVersion: 'inference.networking.k8s.io/v1',
    kind: 'InferencePool',
    metadata: { name: poolName, namespace: fleetNamespace },
    spec: {
      selector: { matchLabels: fleetLabels },
      targetPorts: [{ number: fleet.port }],
      endpointPickerRef: { name: 'endpoint-picker', port: { number: 9002 } },
    },
  }
}

/** Tells a body-based router that the model is a base model with one adapter. */
const adapterMap: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'bench-adapters',
    namespace: fleetNamespace,
    labels: { 'inference.networking.k8s.io/bbr-managed': 'true' },
  },
  data: { baseModel: modelName, adapters: stringify(['bench-adapter']) },
}

function pod(endpoint: EndpointSpec): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: endpoint.name, namespace: endpoint.namespace, labels: { ...endpoint.labels } },
    spec: { containers: [{ name: 'server', image: 'model-server' }] },
  }
}

/** Puts the pool, the adapter map and a ready Pod per endpoint into the API server, playing the kubelet's part. */
export async function createInKube(api: KubeApi, fleet: Fleet): Promise<void> {
  await api.create(
    `/apis/inference.networking.k8s.io/v1/namespaces/${fleetNamespace}/inferencepools`,
    inferencePool(fleet),
  )
  await api.create(`/api/v1/namespaces/${fleetNamespace}/configmaps`, adapterMap)
  for (const endpoint of fleet.endpoints) {
    const pods = `/api/v1/namespaces/${endpoint.namespace}/pods`
    await api.create(pods, pod(endpoint))
    await api.patch(`${pods}/${endpoint.name}/status`, {
      status: {
        phase: 'Running',
        podIP: endpoint.address,
        podIPs: [{ ip: endpoint.address }],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    })
  }
}

/** Writes the same pool, map and endpoints as files, for `signalbox serve --resources … --endpoints …`. */
export function writeAsFiles(fleet: Fleet, directory: string): { resources: string; endpoints: string } {
  const resources = join(directory, 'resources')
  const endpoints = join(directory, 'endpoints.yaml')
  mkdirSync(resources, { recursive: true })
  writeFileSync(join(resources, 'pool.yaml'), stringify(inferencePool(fleet)))
  writeFileSync(join(resources, 'adapters.yaml'), stringify(adapterMap))
  writeFileSync(endpoints, stringify({ endpoints: fleet.endpoints }, { aliasDuplicateObjects: false }))
  return { resources, endpoints }
}

import type { Resource } from '../../src/catalog/resource.ts'
import { type EndpointMetrics, type EndpointSpec, unknownMetrics } from '../../src/pool/endpoint.ts'
import type { Size } from './size.ts'

export const clusterNamespace = 'growth'
const metricsPort = 8000

export const poolNameOf = (index: number): string => `pool-${index}`
export const modelNameOf = (index: number): string => `model-${index}`

/** InferencePools, and an InferenceModel or more of each name. Pools that are more than the names share them. */
export function clusterResources({ pools, models }: Pick<Size, 'pools' | 'models'>): Resource[] {
  return [
    ...Array.from({ length: pools }, (_, i) => poolResource(i)),
    ...Array.from({ length: Math.max(pools, models) }, (_, i) => modelResource(i, i % models, i % pools)),
  ]
}

export function poolResource(index: number, port = metricsPort): Resource {
  return resource('inference.networking.k8s.io/v1', 'InferencePool', poolNameOf(index), {
    selector: { matchLabels: labelsOf(index) },
    targetPorts: [{ number: port }],
    endpointPickerRef: { name: 'endpoint-picker', port: { number: 9002 } },
  })
}

/** Two adapters share the requests for a model. */
export function modelResource(index: number, model: number, pool: number, weights = [9, 1]): Resource {
  return resource('inference.networking.x-k8s.io/v1alpha2', 'InferenceModel', `rule-${index}`, {
    modelName: modelNameOf(model),
    poolRef: { name: poolNameOf(pool) },
    targetModels: weights.map((weight, i) => ({ name: `${modelNameOf(model)}-v${i}`, weight })),
  })
}

function resource(apiVersion: string, kind: string, name: string, spec: object): Resource {
  const object = { apiVersion, kind, metadata: { name, namespace: clusterNamespace }, spec }
  return { apiVersion, kind, object, origin: { place: () => `${kind} ${clusterNamespace}/${name}` } }
}

/** The servers of all pools, each at an address of its own: 127.1.0.1, 127.1.0.2, … */
export function clusterEndpoints({ pools, endpoints }: Pick<Size, 'pools' | 'endpoints'>, port = metricsPort) {
  return Array.from({ length: pools * endpoints }, (_, i) => endpointSpec(i, Math.floor(i / endpoints), port))
}

export function endpointSpec(index: number, pool: number, port = metricsPort): EndpointSpec {
  const address = `127.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`
  return { name: `server-${index}`, namespace: clusterNamespace, address, port, labels: labelsOf(pool) }
}

const labelsOf = (pool: number) => ({ app: 'model-server', pool: poolNameOf(pool) })

/** Loads that differ from server to server, each with two adapters of the models of its pool. */
export function metricsOf(index: number, { pools, endpoints, models }: Size): EndpointMetrics {
  const pool = Math.floor(index / endpoints)
  const adapter = (turn: number) => `${modelNameOf((pool + turn * pools) % models)}-v0`
  return {
    ...unknownMetrics,
    queued: (index * 7) % 5,
    running: (index * 11) % 30,
    kvUsage: ((index * 37) % 100) / 100,
    activeAdapters: new Set([adapter(index), adapter(index + 1)]),
    waitingAdapters: new Set(index % 3 === 0 ? [adapter(index + 2)] : []),
    maxAdapters: 4,
    blockTokens: 16,
    cacheBlocks: 27_648,
    updatedAtMs: 0,
  }
}

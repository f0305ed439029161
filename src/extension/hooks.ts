import type { JsonObject } from '@bufbuild/protobuf'
import type { Logger } from 'pino'
import { kinds } from '../kubernetes/kinds.ts'
import type { DiscoveryAddress } from './discovery-source.ts'
import type { ExtProc } from './ext-proc.ts'
import { type ClusterRequest, type ClusterResponse, messages, type Translation } from './messages.ts'
import { makePoolCluster, type PoolBackend } from './pool-cluster.ts'
import { equipTranslation } from './translation.ts'

export type HookSettings = {
  readonly discovery: DiscoveryAddress
  readonly extProc: ExtProc
}

/** What Envoy Gateway calls while it translates (envoygateway.extension.EnvoyGatewayExtension). */
export type Hooks = {
  postClusterModify(request: ClusterRequest): ClusterResponse
  postTranslateModify(request: Translation): Translation
}

export function createHooks({ discovery, extProc }: HookSettings, log: Logger): Hooks {
  return {
    postClusterModify({ cluster, postClusterContext }) {
      const response = messages.clusterResponse.from({})
      const resources = postClusterContext?.backendExtensionResources ?? []
      const pools = resources.flatMap(({ unstructuredBytes }) => readPool(unstructuredBytes, log) ?? [])
      // Without a cluster in the response the cluster stays as it is.
      if (cluster === undefined || pools.length === 0) return response
      makePoolCluster(cluster, pools, discovery)
      log.debug({ cluster: cluster.name, pools: pools.map(({ key }) => key) }, 'a cluster of pools')
      response.cluster = cluster
      return response
    },

    postTranslateModify(request) {
      equipTranslation(request, extProc, discovery, log)
      const response = messages.translateResponse.from({})
      response.clusters = request.clusters
      response.secrets = request.secrets
      response.listeners = request.listeners
      response.routes = request.routes
      return response
    },
  }
}

const poolKinds = [kinds.poolV1, kinds.poolV1alpha2]

/** The pool that a Kubernetes object is; undefined for another object, and for one that can't be read. */
function readPool(bytes: Uint8Array, log: Logger): PoolBackend | undefined {
  const text = Buffer.from(bytes).toString()
  try {
    const { apiVersion, kind, metadata, spec } = JSON.parse(text) as KubeJson
    if (!poolKinds.some((one) => one.apiVersion === apiVersion && one.kind === kind)) return undefined
    const { name, namespace } = metadata
    if (typeof name !== 'string' || typeof namespace !== 'string') throw new Error('it has no name or no namespace')
    return { key: `${namespace}/${name}`, speaksHttp2: spec?.appProtocol === 'kubernetes.io/h2c' }
  } catch (error) {
    log.error(
      { cause: (error as Error).message, object: text.slice(0, 200) },
      "a pool from Envoy Gateway can't be read",
    )
    return undefined
  }
}

type KubeJson = { apiVersion?: string; kind?: string; metadata: JsonObject; spec?: JsonObject }

import { parse } from 'yaml'
import type { Problem } from '../catalog/problem.ts'
import { isObject, type Resource } from '../catalog/resource.ts'
import { ApiError, type KubeClient } from '../kubernetes/client.ts'
import { kinds } from '../kubernetes/kinds.ts'
import { listAll } from '../kubernetes/list.ts'
import { type KubeObject, objectPath, type ResourceKind, resourceName } from '../kubernetes/object.ts'
import type { EndpointSpec } from '../pool/endpoint.ts'
import { configMapSelectors } from '../sources/kubernetes/kubernetes-source.ts'
import { readPod } from '../sources/kubernetes/pods.ts'

/** What of a cluster could be seen at one moment. */
export type ClusterView = {
  readonly resources: readonly Resource[]
  /** The ready Pods of every namespace that has a pool. */
  readonly endpoints: readonly EndpointSpec[]
  /** The configuration of Envoy Gateway, where it is where its chart puts it. */
  readonly envoyGateways: readonly unknown[]
  /** Kinds that the API server does not serve, as CRDs are named. */
  readonly missing: readonly string[]
  /** One for each kind, and each namespace of Pods, that may not be listed. */
  readonly problems: readonly Problem[]
  isUnread(kind: string, namespace: string): boolean
}

const envoyGatewayApi = 'gateway.envoyproxy.io/v1alpha1'

/** In the order in which they are asked for; Pods come after. */
const listed: readonly ResourceKind[] = [
  kinds.poolV1,
  kinds.poolV1alpha2,
  kinds.model,
  kinds.objective,
  kinds.objectiveLlmd,
  kinds.rewrite,
  kinds.rewriteLlmd,
  kinds.httpRoute,
  kinds.gateway,
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'BackendTLSPolicy', plural: 'backendtlspolicies' },
  { apiVersion: envoyGatewayApi, kind: 'EnvoyExtensionPolicy', plural: 'envoyextensionpolicies' },
  { apiVersion: envoyGatewayApi, kind: 'ClientTrafficPolicy', plural: 'clienttrafficpolicies' },
  { apiVersion: envoyGatewayApi, kind: 'BackendTrafficPolicy', plural: 'backendtrafficpolicies' },
  { apiVersion: envoyGatewayApi, kind: 'Backend', plural: 'backends' },
  { apiVersion: 'aigateway.envoyproxy.io/v1alpha1', kind: 'AIGatewayRoute', plural: 'aigatewayroutes' },
  kinds.service,
]

/**
 * Lists what the rules look at, once, one collection after the other. A kind that is missing or forbidden is noted, and the
 * others are listed all the same.
 * @param namespace look into this one alone; undefined looks into all
 * @throws ApiError (not 403 or 404), or the error of the connection
 */
export async function viewCluster(
  client: Pick<KubeClient, 'get'>,
  namespace: string | undefined,
): Promise<ClusterView> {
  const missing: string[] = []
  const unread = new Set<string>()
  /** By their text: of one kind there may be several. */
  const problems = new Map<string, Problem>()
  const list = async (kind: ResourceKind, within: string | undefined, labelSelector?: string) => {
    try {
      return (await listAll(client, { kind, namespace: within, labelSelector })).objects
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 403 && error.status !== 404)) throw error
      if (error.status === 404) missing.push(resourceName(kind))
      else {
        unread.add(kind.kind)
        problems.set(error.message, notChecked(kind, error))
      }
      return []
    }
  }
  const objects: KubeObject[] = []
  // Who may see one namespace may hardly see what has none.
  if (namespace === undefined) objects.push(...(await list(kinds.gatewayClass, undefined)))
  for (const kind of listed) objects.push(...(await list(kind, namespace)))
  for (const labels of configMapSelectors) objects.push(...(await list(kinds.configMap, namespace, labels)))
  const pools = objects.filter(({ kind }) => kind === kinds.poolV1.kind)
  const pods: KubeObject[] = []
  for (const within of new Set(pools.map(({ metadata }) => metadata.namespace))) {
    pods.push(...(await list(kinds.pod, within)))
  }
  return {
    resources: [...objects, ...pods].map(asResource),
    endpoints: pods.flatMap((pod) => readPod(pod) ?? []),
    envoyGateways: namespace === undefined ? await readEnvoyGateway(client) : [],
    missing,
    problems: [...problems.values()],
    isUnread: (kind, within) => unread.has(kind) || (namespace !== undefined && within !== namespace),
  }
}

const notChecked = (kind: ResourceKind, { message }: ApiError): Problem => ({
  severity: 'error',
  place: resourceName(kind),
  path: '',
  message: `not checked: ${message}`,
})

function asResource(object: KubeObject): Resource {
  const { apiVersion, kind, metadata } = object
  const name = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`
  return { apiVersion, kind, object, origin: { place: () => `${kind} ${name}` } }
}

/** It says which extensions there are. Not to find it is no problem: it may be anywhere. */
async function readEnvoyGateway(client: Pick<KubeClient, 'get'>): Promise<unknown[]> {
  try {
    const map = await client.get(objectPath(kinds.configMap, 'envoy-gateway-system', 'envoy-gateway-config'))
    const data = isObject(map) && isObject(map.data) ? map.data : {}
    return Object.values(data).flatMap((text) => {
      const configuration: unknown = parse(String(text))
      return isObject(configuration) && configuration.kind === 'EnvoyGateway' ? [configuration] : []
    })
  } catch {
    return []
  }
}

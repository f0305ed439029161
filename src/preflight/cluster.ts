import { parse } from 'yaml'
import type { Problem } from '../catalog/problem.ts'
import { isObject, type Resource } from '../catalog/resource.ts'
import { ApiError, type KubeClient } from '../kubernetes/client.ts'
import { kinds } from '../kubernetes/kinds.ts'
import { collectionPath, type KubeObject, objectPath, type ResourceKind, resourceName } from '../kubernetes/object.ts'
import type { EndpointSpec } from '../pool/endpoint.ts'
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
  /** One for each kind that may not be listed. */
  readonly problems: readonly Problem[]
  isUnread(kind: string, namespace: string): boolean
}

const envoyGatewayApi = 'gateway.envoyproxy.io/v1alpha1'
const gatewayClass: ResourceKind = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GatewayClass',
  plural: 'gatewayclasses',
}

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
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', plural: 'gateways' },
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'BackendTLSPolicy', plural: 'backendtlspolicies' },
  { apiVersion: envoyGatewayApi, kind: 'EnvoyExtensionPolicy', plural: 'envoyextensionpolicies' },
  { apiVersion: envoyGatewayApi, kind: 'ClientTrafficPolicy', plural: 'clienttrafficpolicies' },
  { apiVersion: envoyGatewayApi, kind: 'BackendTrafficPolicy', plural: 'backendtrafficpolicies' },
  { apiVersion: envoyGatewayApi, kind: 'Backend', plural: 'backends' },
  { apiVersion: 'aigateway.envoyproxy.io/v1alpha1', kind: 'AIGatewayRoute', plural: 'aigatewayroutes' },
  { apiVersion: 'v1', kind: 'Service', plural: 'services' },
]

/** Labels of the ConfigMaps that say which adapters a base model has. */
const adapterMapLabels = ['inference.networking.k8s.io/bbr-managed=true', 'inference.llm-d.ai/ipp-managed=true']

/**
 * Lists what the rules look at, once, one collection after the other. A kind that is missing or forbidden is noted, and the
 * others are listed all the same.
 * @param namespace look into this one alone; undefined looks into all
 * @throws ApiError (not 403 or 404), or the error of the connection
 */
export async function viewCluster(client: KubeClient, namespace: string | undefined): Promise<ClusterView> {
  const missing: string[] = []
  const forbidden = new Map<string, Problem>()
  const list = async (kind: ResourceKind, within: string | undefined, labelSelector?: string) => {
    try {
      return await listAll(client, kind, within, labelSelector)
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 403 && error.status !== 404)) throw error
      if (error.status === 404) missing.push(resourceName(kind))
      else forbidden.set(kind.kind, notChecked(kind, error))
      return []
    }
  }
  const objects: KubeObject[] = []
  // Who may see one namespace may hardly see what has none.
  if (namespace === undefined) objects.push(...(await list(gatewayClass, undefined)))
  for (const kind of listed) objects.push(...(await list(kind, namespace)))
  for (const labels of adapterMapLabels) objects.push(...(await list(kinds.configMap, namespace, labels)))
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
    problems: [...forbidden.values()],
    isUnread: (kind, within) => forbidden.has(kind) || (namespace !== undefined && within !== namespace),
  }
}

const notChecked = (kind: ResourceKind, { message }: ApiError): Problem => ({
  severity: 'error',
  place: resourceName(kind),
  path: '',
  message: `not checked: ${message}`,
})

/** Objects in one page of a list. */
const pageSize = 500

async function listAll(
  client: KubeClient,
  kind: ResourceKind,
  namespace: string | undefined,
  labelSelector: string | undefined,
): Promise<KubeObject[]> {
  const objects: KubeObject[] = []
  let from: string | undefined
  do {
    const query = { limit: pageSize, labelSelector, continue: from }
    const page = (await client.get(collectionPath(kind, namespace), query)) as Page
    // Items of a list do not say what they are.
    for (const item of page.items) objects.push({ ...item, apiVersion: kind.apiVersion, kind: kind.kind })
    from = page.metadata.continue || undefined
  } while (from !== undefined)
  return objects
}

type Page = { readonly metadata: { readonly continue?: string }; readonly items: readonly KubeObject[] }

function asResource(object: KubeObject): Resource {
  const { apiVersion, kind, metadata } = object
  const name = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`
  return { apiVersion, kind, object, origin: { place: () => `${kind} ${name}` } }
}

/** It says which extensions there are. Not to find it is no problem: it may be anywhere. */
async function readEnvoyGateway(client: KubeClient): Promise<unknown[]> {
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

import { ApiError, type KubeClient } from '../kubernetes/client.ts'
import { kinds } from '../kubernetes/kinds.ts'
import { listAll } from '../kubernetes/list.ts'
import { type KubeObject, keyOf, objectPath, type ResourceKind } from '../kubernetes/object.ts'
import { drivenResource } from './driven.ts'
import type { DrivenResource } from './driver.ts'
import { parseProgress, type RolloutProgress } from './progress.ts'
import { type RolloutKind, rolloutsLabel, stateKey } from './state.ts'

/** Of both groups that rewrites can be of. */
const kindsOf: Readonly<Record<RolloutKind, readonly ResourceKind[]>> = {
  InferenceModel: [kinds.model],
  InferenceModelRewrite: [kinds.rewrite, kinds.rewriteLlmd],
}

/** Rollouts of a cluster, with the state of each that has one. @param namespace undefined for all. @throws ApiError, or the error of the connection */
export async function rolloutsInCluster(
  client: Pick<KubeClient, 'get'>,
  namespace: string | undefined,
): Promise<readonly (readonly [DrivenResource, RolloutProgress | undefined])[]> {
  const states = new Map<string, Record<string, unknown>>()
  const selection = { kind: kinds.configMap, namespace, labelSelector: `${rolloutsLabel}=true` }
  for (const { metadata, data } of (await listAll(client, selection)).objects) {
    states.set(metadata.namespace!, (data ?? {}) as Record<string, unknown>)
  }
  const found: [DrivenResource, RolloutProgress | undefined][] = []
  for (const kind of Object.values(kindsOf).flat()) {
    for (const object of await listIfThere(client, kind, namespace)) {
      const resource = drivenResource(asResource(object), 'default')
      if (resource === undefined) continue
      const text = states.get(resource.namespace)?.[stateKey(resource.kind, resource.name)]
      found.push([resource, typeof text === 'string' ? parseProgress(text) : undefined])
    }
  }
  return found
}

async function listIfThere(
  client: Pick<KubeClient, 'get'>,
  kind: ResourceKind,
  namespace: string | undefined,
): Promise<readonly KubeObject[]> {
  try {
    return (await listAll(client, { kind, namespace })).objects
  } catch (error) {
    // No such CRD.
    if (error instanceof ApiError && error.status === 404) return []
    throw error
  }
}

const asResource = (object: KubeObject) => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  object,
  origin: { place: () => `${object.kind} ${keyOf(object)}` },
})

/**
 * Sets annotations of a resource; null takes one away.
 * @returns false when there is no such resource
 * @throws ApiError, or the error of the connection
 */
export async function annotate(
  client: Pick<KubeClient, 'patch'>,
  { kind, namespace, name }: Pick<DrivenResource, 'kind' | 'namespace' | 'name'>,
  annotations: Readonly<Record<string, string | null>>,
): Promise<boolean> {
  for (const each of kindsOf[kind]) {
    try {
      await client.patch(objectPath(each, namespace, name), 'merge-patch', { metadata: { annotations } })
      return true
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error
    }
  }
  return false
}

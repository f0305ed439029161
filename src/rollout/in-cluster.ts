import { ApiError, type KubeClient } from '../kubernetes/client.ts'
import { kinds } from '../kubernetes/kinds.ts'
import { listAll } from '../kubernetes/list.ts'
import { type KubeObject, keyOf, objectPath, type ResourceKind } from '../kubernetes/object.ts'
import { drivenResource, type IdleResource, idleResource } from './driven.ts'
import type { DrivenResource } from './driver.ts'
import { parseProgress, type RolloutProgress } from './progress.ts'
import { type RolloutKind, rolloutsLabel, stateKey } from './state.ts'

/** Of both groups that rewrites can be of. */
const kindsOf: Readonly<Record<RolloutKind, readonly ResourceKind[]>> = {
  InferenceModel: [kinds.model],
  InferenceModelRewrite: [kinds.rewrite, kinds.rewriteLlmd],
}

/** Rollouts, with the state of each that has one, and resources whose steps have no effect. */
export type FoundRollouts = {
  readonly rollouts: readonly (readonly [DrivenResource, RolloutProgress | undefined])[]
  readonly idle: readonly IdleResource[]
}

/** Rollouts of a cluster. @param namespace undefined for all. @throws ApiError, or the error of the connection */
export async function rolloutsInCluster(
  client: Pick<KubeClient, 'get'>,
  namespace: string | undefined,
): Promise<FoundRollouts> {
  const states = new Map<string, Record<string, unknown>>()
  const selection = { kind: kinds.configMap, namespace, labelSelector: `${rolloutsLabel}=true` }
  for (const { metadata, data } of (await listAll(client, selection)).objects) {
    states.set(metadata.namespace!, (data ?? {}) as Record<string, unknown>)
  }
  const rollouts: [DrivenResource, RolloutProgress | undefined][] = []
  const idle: IdleResource[] = []
  for (const kind of Object.values(kindsOf).flat()) {
    for (const object of await listIfThere(client, kind, namespace)) {
      const resource = drivenResource(asResource(object), 'default')
      if (resource === undefined) {
        const without = idleResource(asResource(object), 'default')
        if (without !== undefined) idle.push(without)
        continue
      }
      const text = states.get(resource.namespace)?.[stateKey(resource.kind, resource.name)]
      rollouts.push([resource, typeof text === 'string' ? parseProgress(text) : undefined])
    }
  }
  return { rollouts, idle }
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

import type { KubeClient } from '../kubernetes/client.ts'
import { kinds } from '../kubernetes/kinds.ts'
import { type KubeObject, objectPath, type ResourceKind } from '../kubernetes/object.ts'
import { deriveNames } from '../routes/aim/names.ts'
import type { CompiledService } from '../routes/compiled.ts'
import { hasApplied } from './applied.ts'
import { controllerOf, generatedKinds } from './applying.ts'
import type { Cluster } from './cluster.ts'
import { fieldManager, type Write } from './writer.ts'

/** An object whose controller is a service. */
export type Controlled = { readonly kind: ResourceKind; readonly object: KubeObject }

/** Generated kinds of objects whose controllers are services, by the uid of the service. */
export function findControlled(cluster: Cluster): ReadonlyMap<string, readonly Controlled[]> {
  const found = new Map<string, Controlled[]>()
  for (const kind of Object.values(generatedKinds)) {
    for (const object of cluster.objects(kind).values()) {
      const owner = controllerOf(object)
      if (owner?.kind !== 'InferenceService' && owner?.kind !== 'AIMService') continue
      const ofOwner = found.get(owner.uid)
      if (ofOwner === undefined) found.set(owner.uid, [{ kind, object }])
      else ofOwner.push({ kind, object })
    }
  }
  return found
}

/** What was made for a service and is not wanted any more. */
export function findSurplus(
  { service, objects }: CompiledService,
  controlled: readonly Controlled[],
): readonly Controlled[] {
  return controlled.filter(
    ({ kind, object }) =>
      isOurs(object, service) &&
      !objects.some((each) => each.kind === kind.kind && each.metadata.name === object.metadata.name),
  )
}

/** Of what is surplus, that which may go now. */
export function* planDeletes(surplus: readonly Controlled[]): Generator<Write> {
  const routes = surplus.filter(({ kind }) => kind !== kinds.securityPolicy)
  // A policy goes when what it guards is gone.
  for (const { kind, object } of routes.length > 0 ? routes : surplus) {
    if (object.metadata.deletionTimestamp === undefined) yield planDelete(kind, object)
  }
}

/**
 * Whether it was made for the service by us. OME's own controller makes objects of the same owner, which stay. The route of an
 * AIMService is known by its name, whoever has made it.
 */
const isOurs = (object: KubeObject, service: KubeObject): boolean =>
  hasApplied(object, fieldManager) ||
  (service.kind === 'AIMService' &&
    object.kind === 'HTTPRoute' &&
    object.metadata.name === deriveNames(service).httpRoute)

/** Deletes an object, unless it is another one by then, or somebody has changed it. */
function planDelete(kind: ResourceKind, object: KubeObject): Write {
  const { namespace, name, uid, resourceVersion } = object.metadata
  return {
    kind,
    object,
    events: [],
    async send(client: KubeClient) {
      return (await client.delete(objectPath(kind, namespace!, name), { uid, resourceVersion })) ?? 'deleted'
    },
  }
}

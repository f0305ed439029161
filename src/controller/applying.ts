import { isDeepStrictEqual } from 'node:util'
import { ApiError, isManagerConflict } from '../kubernetes/client.ts'
import { kinds } from '../kubernetes/kinds.ts'
import { type KubeObject, objectPath, type ResourceKind, resourceName } from '../kubernetes/object.ts'
import type { Generated } from '../routes/compiled.ts'
import { isApplied } from './applied.ts'
import type { Cluster } from './cluster.ts'
import { fieldManager, type Write } from './writer.ts'

/** Why an object can't be as it was generated; the reason is that of the condition of its service. */
export type Failure = {
  readonly reason: 'NameCollision' | 'ApplyConflict' | 'ApplyFailed'
  readonly message: string
}

/** How a generated object stands in the cluster. */
export type Standing =
  | { readonly name: 'applied' }
  /** It has to be written; `failure` is why that did not work the last time. */
  | { readonly name: 'due'; readonly write: Write; readonly failure: Failure | undefined }
  | { readonly name: 'impossible'; readonly failure: Failure }
  /** Something has to come or go first. */
  | { readonly name: 'waiting' }

/** The kinds that are generated. */
export const generatedKinds: Readonly<Record<Generated['kind'], ResourceKind>> = {
  Service: kinds.service,
  SecurityPolicy: kinds.securityPolicy,
  Ingress: kinds.ingress,
  VirtualService: kinds.virtualService,
  HTTPRoute: kinds.httpRoute,
}

/**
 * Makes an apply one that only creates: the API server compares it with the version of what is there, and takes no notice of it
 * where there is nothing. It can't be 0, which some kinds take for any version; etcd has its first one before any object.
 */
const noVersion = '1'

/** Applies generated objects, and remembers what the API server made of it. */
export class Applying {
  /** What applying an object has failed with. */
  readonly #failures = new Map<string, { readonly wanted: Generated; readonly failure: Failure }>()
  /** Objects that are stored otherwise than they were applied, by an admission webhook or a default that is not known here. */
  readonly #altered = new Map<string, { readonly wanted: Generated; readonly stored: string }>()
  /** By object: looked at once, for as long as nothing changes. */
  readonly #compared = new WeakMap<Generated, { readonly observed: KubeObject; readonly isApplied: boolean }>()

  standing(wanted: Generated, service: KubeObject, cluster: Cluster): Standing {
    const kind = generatedKinds[wanted.kind]
    switch (cluster.sight(kind)) {
      case 'unknown':
        return { name: 'waiting' }
      case 'missing':
        return impossible('ApplyFailed', `the cluster has no ${resourceName(kind)}: its CRD is not installed`)
      case 'forbidden':
        return impossible('ApplyFailed', `the controller has no right to list and watch ${resourceName(kind)}`)
    }
    const { namespace, name } = wanted.metadata
    const observed = cluster.objects(kind).get(`${namespace}/${name}`)
    if (observed !== undefined) {
      if (!isControlledBy(observed, service)) return impossible('NameCollision', describeCollision(observed))
      if (observed.metadata.deletionTimestamp !== undefined) return { name: 'waiting' }
      if (this.#isAsWanted(wanted, observed)) return { name: 'applied' }
    }
    const known = this.#failures.get(idOf(wanted))
    const failure = isDeepStrictEqual(known?.wanted, wanted) ? known?.failure : undefined
    return { name: 'due', write: this.#write(kind, wanted, observed), failure }
  }

  /** Forgets objects that are wanted no more. */
  keepOnly(wanted: ReadonlySet<string>): void {
    for (const id of this.#failures.keys()) if (!wanted.has(id)) this.#failures.delete(id)
    for (const id of this.#altered.keys()) if (!wanted.has(id)) this.#altered.delete(id)
  }

  #isAsWanted(wanted: Generated, observed: KubeObject): boolean {
    const compared = this.#compared.get(wanted)
    if (compared?.observed === observed) return compared.isApplied
    const altered = this.#altered.get(idOf(wanted))
    const is =
      isApplied(wanted, observed, fieldManager) ||
      (isDeepStrictEqual(altered?.wanted, wanted) && altered?.stored === contentOf(observed))
    this.#compared.set(wanted, { observed, isApplied: is })
    return is
  }

  #write(kind: ResourceKind, wanted: Generated, observed: KubeObject | undefined): Write {
    const { namespace, name } = wanted.metadata
    // With its uid nothing is said of an object of that name that came later; none has that version: what is made is new.
    const identity = observed === undefined ? { resourceVersion: noVersion } : { uid: observed.metadata.uid }
    const metadata = { ...wanted.metadata, ...identity }
    return {
      kind,
      object: observed ?? (wanted as KubeObject),
      content: wanted,
      events: [],
      send: async (client) => {
        try {
          const stored = await client.apply(
            objectPath(kind, namespace, name),
            { ...wanted, metadata },
            fieldManager,
            false,
          )
          this.#failures.delete(idOf(wanted))
          if (isApplied(wanted, stored, fieldManager)) this.#altered.delete(idOf(wanted))
          else this.#altered.set(idOf(wanted), { wanted, stored: contentOf(stored) })
          return stored
        } catch (error) {
          const failure = failureOf(error, wanted)
          if (failure !== undefined) this.#failures.set(idOf(wanted), { wanted, failure })
          // Not found is the namespace, not an object that is gone.
          throw error instanceof ApiError && error.status === 404 ? new Error(error.message) : error
        }
      },
    }
  }
}

/** The service is the controller of the object (metav1.OwnerReference.controller). */
export function isControlledBy({ metadata }: KubeObject, service: KubeObject): boolean {
  return controllerOf({ metadata })?.uid === service.metadata.uid
}

export function controllerOf({ metadata }: Pick<KubeObject, 'metadata'>) {
  return metadata.ownerReferences?.find(({ controller }) => controller === true)
}

export const idOf = ({ kind, metadata }: Generated): string => `${kind} ${metadata.namespace}/${metadata.name}`

const impossible = (reason: Failure['reason'], message: string): Standing => ({
  name: 'impossible',
  failure: { reason, message },
})

function describeCollision(object: KubeObject): string {
  const { kind, metadata } = object
  const owner = controllerOf(object)
  const whose =
    owner === undefined
      ? 'not controlled by this service'
      : `controlled by ${owner.kind} ${owner.name} (uid ${owner.uid})`
  return `${kind} ${metadata.namespace}/${metadata.name} exists and is ${whose}; it is left as it is`
}

/** Undefined for what is no refusal of this object: no answer, an API server with too much to do, somebody who was faster. */
function failureOf(error: unknown, wanted: Generated): Failure | undefined {
  if (!(error instanceof ApiError) || error.status === 429) return undefined
  const message = `${wanted.kind} ${wanted.metadata.name}: ${error.message}`
  if (isManagerConflict(error)) return { reason: 'ApplyConflict', message }
  return error.status === 409 ? undefined : { reason: 'ApplyFailed', message }
}

const contentOf = ({ metadata: { labels, annotations, ownerReferences }, ...fields }: KubeObject): string =>
  JSON.stringify([labels, annotations, ownerReferences, fields.spec])

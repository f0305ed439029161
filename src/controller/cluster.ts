import type { Clock } from '../clock.ts'
import type { KubeClient } from '../kubernetes/client.ts'
import { type KubeObject, keyOf, type ResourceKind, resourceName } from '../kubernetes/object.ts'
import { isSettled, Reflector, type ReflectorState } from '../kubernetes/reflector.ts'

export type ClusterOptions = {
  /** Kinds to watch, each with its namespace; undefined for all of them. */
  readonly watched: readonly { readonly kind: ResourceKind; readonly namespace: string | undefined }[]
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
}

export type ClusterListener = {
  /** Objects, or how well they are seen, have changed. */
  onChanged(): void
  onState(kind: ResourceKind, state: ReflectorState): void
}

type Collection = {
  readonly kind: ResourceKind
  readonly reflector: Reflector
  /** By {@link keyOf}. */
  readonly objects: Map<string, KubeObject>
  wasListed: boolean
}

/** The objects of a cluster as far as the controller has to know them: as they were told, or newer where it wrote them itself. */
export class Cluster {
  readonly #listener: ClusterListener
  /** By {@link resourceName}. */
  readonly #collections: ReadonlyMap<string, Collection>

  constructor(client: KubeClient, options: ClusterOptions, listener: ClusterListener) {
    this.#listener = listener
    const collections = options.watched.map((each) => this.#watch(client, each, options))
    this.#collections = new Map(collections.map((each) => [resourceName(each.kind), each]))
  }

  start(): void {
    for (const { reflector } of this.#collections.values()) reflector.start()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#collections.values()].map(({ reflector }) => reflector.close()))
  }

  /** How each kind is seen. */
  *states(): Generator<readonly [kind: ResourceKind, state: ReflectorState]> {
    for (const { kind, reflector } of this.#collections.values()) yield [kind, reflector.state]
  }

  /** Every kind has been listed, or there is a reason why not. */
  get isSettled(): boolean {
    return [...this.states()].every(([, state]) => isSettled(state))
  }

  /** Whether all objects of these kinds are known: they were listed, and may still be read, or the API has no such kind. */
  knows(kinds: readonly ResourceKind[]): boolean {
    return kinds.every((kind) => {
      const { reflector, wasListed } = this.#collection(kind)
      return reflector.state.name === 'missing' || (wasListed && reflector.state.name !== 'forbidden')
    })
  }

  objects(kind: ResourceKind): ReadonlyMap<string, KubeObject> {
    return this.#collection(kind).objects
  }

  /** Takes in what a write has answered: the watch tells it only later, and maybe older things before. */
  learn(kind: ResourceKind, object: KubeObject): void {
    const { objects } = this.#collection(kind)
    // One that was deleted meanwhile is not to come back.
    if (objects.has(keyOf(object))) this.#set(objects, object)
  }

  /** The object is not there any more. */
  forget(kind: ResourceKind, object: KubeObject): void {
    this.#delete(this.#collection(kind).objects, object)
  }

  #collection(kind: ResourceKind): Collection {
    const collection = this.#collections.get(resourceName(kind))
    if (collection === undefined) throw new Error(`${resourceName(kind)} are not watched`)
    return collection
  }

  #watch(
    client: KubeClient,
    { kind, namespace }: ClusterOptions['watched'][number],
    { clock, random }: ClusterOptions,
  ): Collection {
    const objects = new Map<string, KubeObject>()
    const reflector = new Reflector(
      client,
      { kind, namespace, clock, random },
      {
        onListed: (listed) => {
          const keys = new Set(listed.map(keyOf))
          for (const key of objects.keys()) if (!keys.has(key)) objects.delete(key)
          for (const object of listed) this.#set(objects, object)
          collection.wasListed = true
          this.#listener.onChanged()
        },
        onChanged: (object) => this.#set(objects, object),
        onDeleted: (object) => this.#delete(objects, object),
        onState: (state) => {
          // A kind that the API does not have has no objects.
          if (state.name === 'missing') objects.clear()
          this.#listener.onState(kind, state)
          this.#listener.onChanged()
        },
      },
    )
    const collection = { kind, reflector, objects, wasListed: false }
    return collection
  }

  #set(objects: Map<string, KubeObject>, object: KubeObject): void {
    const known = objects.get(keyOf(object))
    if (known !== undefined && isOlder(object, known)) return
    objects.set(keyOf(object), object)
    this.#listener.onChanged()
  }

  #delete(objects: Map<string, KubeObject>, object: KubeObject): void {
    const known = objects.get(keyOf(object))
    // Another one of that name may have come.
    if (known === undefined || known.metadata.uid !== object.metadata.uid) return
    objects.delete(keyOf(object))
    this.#listener.onChanged()
  }
}

/** Not newer than what is known. Resource versions are numbers that grow (Kubernetes API concepts, "Resource versions"). */
function isOlder(object: KubeObject, known: KubeObject): boolean {
  const [version, knownVersion] = [object, known].map(({ metadata }) => Number(metadata.resourceVersion))
  return version <= knownVersion
}

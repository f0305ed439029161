import type { Clock } from '../clock.ts'
import type { KubeClient } from '../kubernetes/client.ts'
import type { Selection } from '../kubernetes/list.ts'
import { type KubeObject, keyOf, type ResourceKind, resourceName } from '../kubernetes/object.ts'
import { isSettled, Reflector, type ReflectorState } from '../kubernetes/reflector.ts'

export type ClusterOptions = {
  /** Collections to watch, each by the very object that is its kind; without a namespace in all of them. */
  readonly watched: readonly Selection[]
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
}

export type ClusterListener = {
  /** Objects, or how well they are seen, have changed. */
  onChanged(): void
  onState(kind: ResourceKind, state: ReflectorState): void
}

/** How well the objects of a kind are known: `unknown` until they have been listed, `missing` when the API has no such kind. */
export type Sight = 'known' | 'missing' | 'forbidden' | 'unknown'

type Collection = {
  readonly kind: ResourceKind
  readonly reflector: Reflector
  /** By {@link keyOf}. */
  readonly objects: Map<string, KubeObject>
  /** Those among them that a write has answered and that have not been told since. */
  readonly written: Map<string, KubeObject>
  /** Uids of objects that were deleted of late: a write may answer only after that was told. */
  readonly deleted: Set<string>
  wasListed: boolean
}

/** The objects of a cluster as far as the controller has to know them: as they were told, or newer where it wrote them itself. */
export class Cluster {
  readonly #listener: ClusterListener
  readonly #collections: ReadonlyMap<ResourceKind, Collection>

  constructor(client: KubeClient, options: ClusterOptions, listener: ClusterListener) {
    this.#listener = listener
    const collections = options.watched.map((each) => this.#watch(client, each, options))
    this.#collections = new Map(collections.map((each) => [each.kind, each]))
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
    return kinds.every((kind) => ['known', 'missing'].includes(this.sight(kind)))
  }

  sight(kind: ResourceKind): Sight {
    const { reflector, wasListed } = this.#collection(kind)
    const { name } = reflector.state
    if (name === 'missing' || name === 'forbidden') return name
    return wasListed ? 'known' : 'unknown'
  }

  objects(kind: ResourceKind): ReadonlyMap<string, KubeObject> {
    return this.#collection(kind).objects
  }

  /**
   * Takes in what a write has answered: the watch tells it only later, and maybe older things before.
   * @param before the object that was written; without a uid when it was made by that
   */
  learn(kind: ResourceKind, object: KubeObject, before: KubeObject): void {
    const { objects, written, deleted } = this.#collection(kind)
    const key = keyOf(object)
    const known = objects.get(key)
    // One that was deleted meanwhile is not to come back.
    if (deleted.has(object.metadata.uid!)) return
    if (known === undefined && before.metadata.uid !== undefined) return
    if (known?.metadata.resourceVersion === object.metadata.resourceVersion) return
    if (known !== undefined && known !== before && !isNewer(object, known)) return
    objects.set(key, object)
    written.set(key, object)
    this.#listener.onChanged()
  }

  /** The object is not there any more. */
  forget(kind: ResourceKind, object: KubeObject): void {
    this.#delete(this.#collection(kind), object)
  }

  #collection(kind: ResourceKind): Collection {
    const collection = this.#collections.get(kind)
    if (collection === undefined) throw new Error(`${resourceName(kind)} are not watched`)
    return collection
  }

  #watch(client: KubeClient, selection: Selection, { clock, random }: ClusterOptions): Collection {
    const { kind } = selection
    const objects = new Map<string, KubeObject>()
    const written = new Map<string, KubeObject>()
    const reflector = new Reflector(
      client,
      { ...selection, clock, random },
      {
        onListed: (listed) => {
          const keys = new Set(listed.map(keyOf))
          for (const key of objects.keys()) if (!keys.has(key)) objects.delete(key)
          for (const key of written.keys()) if (!keys.has(key)) written.delete(key)
          for (const object of listed) this.#told(collection, object)
          collection.wasListed = true
          this.#listener.onChanged()
        },
        onChanged: (object) => this.#told(collection, object),
        onDeleted: (object) => this.#delete(collection, object),
        onState: (state) => {
          // A kind that the API does not have has no objects.
          if (state.name === 'missing') {
            objects.clear()
            written.clear()
          }
          this.#listener.onState(kind, state)
          this.#listener.onChanged()
        },
      },
    )
    const collection: Collection = { kind, reflector, objects, written, deleted: new Set(), wasListed: false }
    return collection
  }

  /** News come in order; only what a write has answered may be ahead of them. */
  #told({ objects, written }: Collection, object: KubeObject): void {
    const key = keyOf(object)
    const answered = written.get(key)
    if (answered !== undefined && isNewer(answered, object)) return
    written.delete(key)
    if (objects.get(key)?.metadata.resourceVersion === object.metadata.resourceVersion) return
    objects.set(key, object)
    this.#listener.onChanged()
  }

  #delete({ objects, written, deleted }: Collection, object: KubeObject): void {
    const key = keyOf(object)
    if (deleted.size >= maxDeleted) deleted.clear()
    deleted.add(object.metadata.uid!)
    const known = objects.get(key)
    // Another one of that name may have come.
    if (known === undefined || known.metadata.uid !== object.metadata.uid) return
    objects.delete(key)
    written.delete(key)
    this.#listener.onChanged()
  }
}

/** So many deleted objects are remembered of a kind: more than can go while a write is under way. */
const maxDeleted = 10_000

/** Resource versions are numbers that grow (Kubernetes API concepts, "Resource versions"), until a backup is restored. */
function isNewer(object: KubeObject, other: KubeObject): boolean {
  const [version, otherVersion] = [object, other].map(({ metadata }) => Number(metadata.resourceVersion))
  return version > otherVersion
}

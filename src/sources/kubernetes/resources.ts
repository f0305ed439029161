import { isDeepStrictEqual } from 'node:util'
import type { Resource } from '../../catalog/resource.ts'
import { type KubeObject, keyOf } from '../../kubernetes/object.ts'

/**
 * The resources of one collection. One whose content is the same stays the same {@link Resource}, whatever a controller writes
 * into its status: what is the same object is not read again.
 */
export class Resources {
  readonly #byKey = new Map<string, Resource>()

  /** True when something has changed. */
  replaceAll(objects: readonly KubeObject[]): boolean {
    const keys = new Set(objects.map(keyOf))
    let isChanged = false
    for (const key of this.#byKey.keys()) {
      if (!keys.has(key)) isChanged = this.#byKey.delete(key) || isChanged
    }
    for (const object of objects) isChanged = this.set(object) || isChanged
    return isChanged
  }

  /** True when something has changed. */
  set(object: KubeObject): boolean {
    const key = keyOf(object)
    const content = contentOf(object)
    if (isDeepStrictEqual(this.#byKey.get(key)?.object, content)) return false
    const { apiVersion, kind } = object
    this.#byKey.set(key, { apiVersion, kind, object: content, origin: { place: () => `${kind} ${key}` } })
    return true
  }

  /** True when something has changed. */
  delete(object: KubeObject): boolean {
    return this.#byKey.delete(keyOf(object))
  }

  get size(): number {
    return this.#byKey.size
  }

  values(): Iterable<Resource> {
    return this.#byKey.values()
  }
}

/** What a user has written, without what changes with each write of anyone. */
function contentOf({
  apiVersion,
  kind,
  metadata,
  status: _,
  ...fields
}: KubeObject): Readonly<Record<string, unknown>> {
  const { name, namespace, labels, annotations, creationTimestamp } = metadata
  return { apiVersion, kind, metadata: { name, namespace, labels, annotations, creationTimestamp }, ...fields }
}

import type { KubeObject } from '../kubernetes/object.ts'

/** Plain order of code units: the same on every machine. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** For printing, and for the second of two that are as old as each other. */
export function byNamespaceAndName(a: KubeObject, b: KubeObject): number {
  return (
    compareText(a.metadata.namespace ?? '', b.metadata.namespace ?? '') || compareText(a.metadata.name, b.metadata.name)
  )
}

/** Who has a name or a path that several want: the one made first; one without a time was made last. */
export function byAge(a: KubeObject, b: KubeObject): number {
  return createdAtMs(a) - createdAtMs(b) || byNamespaceAndName(a, b) || compareText(a.kind, b.kind)
}

/** A moment after all others, when there is none: Infinity would not subtract. */
const never = Number.MAX_SAFE_INTEGER

/** Thousands of services are compared again after each change. */
const knownMs = new WeakMap<KubeObject, number>()

function createdAtMs(object: KubeObject): number {
  let ms = knownMs.get(object)
  if (ms === undefined) {
    const parsed = Date.parse(String(object.metadata.creationTimestamp))
    ms = Number.isNaN(parsed) ? never : parsed
    knownMs.set(object, ms)
  }
  return ms
}

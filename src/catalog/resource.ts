import type { FieldPath } from './problem.ts'

/** A Kubernetes object as a source gave it, unchecked but for the fields named here. */
export type Resource = {
  readonly apiVersion: string
  readonly kind: string
  /** The whole object as plain data, `apiVersion` and `kind` included. */
  readonly object: Readonly<Record<string, unknown>>
  readonly origin: Origin
}

/** Knows where a resource came from, so that nothing behind the source has to. */
export type Origin = {
  /** Where the field stands, for people; a missing field stands where the nearest one around it does. */
  place(path: FieldPath): string
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The name that a resource keeps across its versions: `InferencePool default/qwen`. The API group is left out, so that
 * a pool that moves from v1alpha2 to v1 is still the same pool. Undefined when it has no usable metadata.name.
 */
export function identify(resource: Resource, defaultNamespace: string): string | undefined {
  const { metadata } = resource.object
  if (!isObject(metadata) || typeof metadata.name !== 'string' || metadata.name === '') return undefined
  const namespace = typeof metadata.namespace === 'string' && metadata.namespace !== '' ? metadata.namespace : undefined
  return `${resource.kind} ${namespace ?? defaultNamespace}/${metadata.name}`
}

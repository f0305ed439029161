import type { z } from 'zod'
import { readFields } from '../catalog/fields.ts'
import { isObject, type Resource } from '../catalog/resource.ts'

/** A resource as far as the rules look at it. */
export type Entry<Value> = {
  /** `namespace/name`; `/name` without a namespace. */
  readonly key: string
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** Epoch milliseconds; Infinity where it has never been in a cluster. */
  readonly createdAtMs: number
  readonly resource: Resource
  readonly value: Value
}

/** Kinds without a namespace. */
const clusterKinds = ['GatewayClass']

/** The objects of a kind that fit its schema. Of two with one name the first counts. */
export function readEntries<Value>(
  resources: readonly Resource[],
  group: string,
  kind: string,
  shape: z.ZodType<Value>,
): Entry<Value>[] {
  const found = new Map<string, Entry<Value>>()
  for (const resource of resources) {
    if (resource.kind !== kind || groupOf(resource) !== group) continue
    const { metadata } = resource.object
    const { data } = readFields(shape, resource.object, resource.origin, 'ignore')
    if (data === undefined || !isObject(metadata) || typeof metadata.name !== 'string') continue
    const { name, namespace, labels, creationTimestamp } = metadata
    const isPlaced = typeof namespace === 'string' && namespace !== ''
    const place = clusterKinds.includes(kind) ? '' : isPlaced ? namespace : 'default'
    const key = `${place}/${name}`
    if (found.has(key)) continue
    const createdAtMs = typeof creationTimestamp === 'string' ? Date.parse(creationTimestamp) : Number.POSITIVE_INFINITY
    const texts = isObject(labels) ? (labels as Record<string, string>) : {}
    found.set(key, { key, namespace: place, name, labels: texts, createdAtMs, resource, value: data })
  }
  return [...found.values()]
}

/** The API group of a resource; '' is the core group. */
export function groupOf({ apiVersion }: Resource): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''
}

/** Of policies with one target Envoy Gateway takes the oldest; of one age the one whose `namespace/name` comes first. */
export function byAge(a: Entry<unknown>, b: Entry<unknown>): number {
  if (a.createdAtMs !== b.createdAtMs) return a.createdAtMs < b.createdAtMs ? -1 : 1
  return a.key < b.key ? -1 : 1
}

/** An object that another one names. */
export function findEntry<Value>(
  entries: readonly Entry<Value>[],
  namespace: string,
  name: string,
): Entry<Value> | undefined {
  return entries.find((entry) => entry.namespace === namespace && entry.name === name)
}

/** Whether an object with `labels` has all those of `selector`. An empty selector matches nothing here, as in a Service. */
export function hasLabels(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  const wanted = Object.entries(selector)
  return wanted.length > 0 && wanted.every(([label, value]) => labels[label] === value)
}

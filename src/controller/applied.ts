import { isDeepStrictEqual } from 'node:util'
import { isObject } from '../catalog/resource.ts'
import type { KubeObject } from '../kubernetes/object.ts'

/** metadata.managedFields[].fieldsV1: a tree of the fields that a manager has set (structured-merge-diff, "fieldpath"). */
type OwnedFields = { readonly [step: string]: OwnedFields }

/**
 * Whether `observed` is what a server-side apply of `wanted` by `manager` would leave: it was applied before, the fields of
 * `wanted` have its values, and the manager owns no others. What other managers have set besides is not looked at. A field may
 * be another manager's as long as it has our value: one that was changed back by hand would else be a conflict for ever.
 */
export function isApplied(wanted: object, observed: KubeObject, manager: string): boolean {
  const owned = ownedFields(observed, manager)
  return owned !== undefined && isSame(owned, bodyOf(wanted), observed)
}

/** Whether a manager has ever applied the object, and still owns something of it. */
export function hasApplied(observed: KubeObject, manager: string): boolean {
  return ownedFields(observed, manager) !== undefined
}

function ownedFields({ metadata }: KubeObject, manager: string): OwnedFields | undefined {
  const entries = Array.isArray(metadata.managedFields) ? metadata.managedFields : []
  const entry = entries.find(
    (each) => each.manager === manager && each.operation === 'Apply' && each.subresource === undefined,
  )
  return entry?.fieldsV1
}

/** What managers own of an object: not what tells it from others. */
function bodyOf(wanted: object): object {
  const { apiVersion: _, kind: __, metadata, ...body } = wanted as KubeObject
  const { name: ___, namespace: ____, ...ownMetadata } = metadata
  return Object.keys(ownMetadata).length === 0 ? body : { ...body, metadata: ownMetadata }
}

function isSame(owned: OwnedFields | undefined, wanted: unknown, observed: unknown): boolean {
  const steps = Object.keys(owned ?? {}).filter((step) => step !== '.')
  if (owned === undefined || steps.length === 0) return isEqualButDefaults(wanted, observed)
  if (Array.isArray(wanted)) {
    return (
      wanted.length === steps.length &&
      steps.every((step) => isSame(owned[step], follow(wanted, step), follow(observed, step)))
    )
  }
  if (!isObject(wanted) || !isObject(observed)) return false
  return (
    steps.every((step) => step.slice(2) in wanted) &&
    Object.keys(wanted).every((field) => isSame(owned[`f:${field}`], wanted[field], observed[field]))
  )
}

/** The item of a list that a step leads to: `k:{…}` to the one with these keys, `v:…` to the one with this value. */
function follow(value: unknown, step: string): unknown {
  if (!Array.isArray(value)) return undefined
  const sought: unknown = JSON.parse(step.slice(2))
  if (step.startsWith('v:')) return value.find((item) => isDeepStrictEqual(item, sought))
  const keys = Object.entries(sought as object)
  return value.find((item) => isObject(item) && keys.every(([key, each]) => item[key] === each))
}

/** What the API server adds to what it is given, wherever it adds it; nothing generated here says otherwise. */
const defaults: Readonly<Record<string, readonly unknown[]>> = {
  group: [''],
  kind: ['Service', 'Secret'],
  weight: [1],
  path: [{ type: 'PathPrefix', value: '/' }],
}

function isEqualButDefaults(wanted: unknown, observed: unknown): boolean {
  if (Array.isArray(wanted) && Array.isArray(observed)) {
    return wanted.length === observed.length && wanted.every((item, index) => isEqualButDefaults(item, observed[index]))
  }
  if (!isObject(wanted) || !isObject(observed)) return isDeepStrictEqual(wanted, observed)
  return (
    Object.keys(wanted).every((key) => isEqualButDefaults(wanted[key], observed[key])) &&
    Object.keys(observed).every(
      (key) => key in wanted || defaults[key]?.some((each) => isDeepStrictEqual(each, observed[key])),
    )
  )
}

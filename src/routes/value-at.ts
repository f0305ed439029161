import type { FieldPath } from '../catalog/problem.ts'
import { isObject } from '../catalog/resource.ts'

/** What stands in objects at the end of a path; undefined where there is nothing. */
export function valueAt(value: unknown, path: FieldPath): unknown {
  return path.reduce<unknown>((at, key) => (isObject(at) ? at[key] : undefined), value)
}

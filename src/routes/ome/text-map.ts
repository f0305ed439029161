import { formatPath } from '../../catalog/problem.ts'
import { isObject } from '../../catalog/resource.ts'
import type { KubeObject } from '../../kubernetes/object.ts'
import type { Place } from '../compiled.ts'
import { configInvalid } from './failure.ts'

/** A map of texts as it stands in an object that nobody has checked: labels or annotations. */
export type TextMap = {
  readonly entries: Readonly<Record<string, unknown>>
  readonly object: KubeObject
  /** Of the map. */
  readonly path: readonly string[]
}

/** @throws Failure where there is something else than a map */
export function readTextMap(object: KubeObject, path: readonly string[], value: unknown): TextMap {
  if (value === undefined || value === null) return { entries: {}, object, path }
  if (!isObject(value)) throw configInvalid(path.join('.'), value, 'an object', { object, path })
  return { entries: value, object, path }
}

export const annotationsOf = (object: KubeObject): TextMap =>
  readTextMap(object, ['metadata', 'annotations'], object.metadata.annotations)

export const labelsOf = (object: KubeObject): TextMap =>
  readTextMap(object, ['metadata', 'labels'], object.metadata.labels)

/**
 * One text; undefined when there is none.
 * @throws Failure where it is no text, as `true` without quotes in a file
 */
export function textOf(map: TextMap, key: string): string | undefined {
  const value = Object.hasOwn(map.entries, key) ? asText(map.entries[key]) : undefined
  if (value === undefined || typeof value === 'string') return value
  throw configInvalid(nameOf(map, key), value, 'a string', placeOf(map, key))
}

/** As messages call an entry: an annotation of the object itself by its key alone, which nobody can mistake. */
export function nameOf({ path }: TextMap, key: string): string {
  return path.join('.') === 'metadata.annotations' ? key : formatPath([...path, key])
}

export const placeOf = ({ object, path }: TextMap, key: string): Place => ({ object, path: [...path, key] })

/** The entries with these keys; what is no text is left out. */
export function textsWhere({ entries }: TextMap, hasKey: (key: string) => boolean): Readonly<Record<string, string>> {
  const texts = Object.entries(entries).map(([key, value]) => [key, asText(value)])
  return Object.fromEntries(texts.filter(([key, value]) => typeof value === 'string' && hasKey(key as string)))
}

/** An API server stores null as an empty text. */
const asText = (value: unknown): unknown => (value === null ? '' : value)

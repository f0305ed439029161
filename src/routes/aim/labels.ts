import { isObject } from '../../catalog/resource.ts'
import type { KubeObject } from '../../kubernetes/object.ts'
import type { Setting } from '../compiled.ts'
import { countCharacters } from './characters.ts'
import { type Glob, matchesGlob, parseGlob } from './glob.ts'
import { asSetting, findSet } from './settings.ts'

/** Which labels of a service its HTTPRoute has too, besides those of AIM Engine. */
export type LabelPropagation = {
  readonly globs: readonly Glob[]
  readonly settings: readonly Setting[]
}

const ownPrefix = 'aim.eai.amd.com/'

/** metav1 label values. */
const maxValueChars = 63

/** @param configs the AIMRuntimeConfig and the AIMClusterRuntimeConfig, as far as they exist, in this order */
export function readLabelPropagation(configs: readonly KubeObject[]): LabelPropagation {
  const enabled = findSet(configs, ['spec', 'labelPropagation', 'enabled'])
  const match = configs
    .map((config) => findSet([config], ['spec', 'labelPropagation', 'match']))
    .find((given) => Array.isArray(given?.value) && given.value.length > 0)
  const settings = [enabled, match].filter((given) => given !== undefined).map(asSetting)
  if (enabled?.value !== true || match === undefined) return { globs: [], settings }
  const patterns = (match.value as readonly unknown[]).filter((pattern) => typeof pattern === 'string')
  return { globs: patterns.map(parseGlob).filter((glob) => glob !== undefined), settings }
}

/** metadata.labels of the HTTPRoute of a service. */
export function routeLabels({ metadata }: KubeObject, { globs }: LabelPropagation): Readonly<Record<string, string>> {
  const labels = new Map([
    ['app.kubernetes.io/component', 'routing'],
    ['app.kubernetes.io/managed-by', 'aim-engine'],
    [`${ownPrefix}service`, toLabelValue(metadata.name)],
    [
      `${ownPrefix}service.name`,
      countCharacters(metadata.name) > maxValueChars ? toLabelValue(metadata.name) : metadata.name,
    ],
  ])
  const given: unknown = metadata.labels
  for (const [key, value] of isObject(given) ? Object.entries(given) : []) {
    if (labels.has(key) || typeof value !== 'string') continue
    if (key.startsWith(ownPrefix) || globs.some((glob) => matchesGlob(glob, key))) labels.set(key, value)
  }
  return Object.fromEntries(labels)
}

/** A name in what a label value may hold; `part` when nothing of it is left. */
export function toLabelValue(name: string): string {
  const plain = name.toLowerCase().replace(/[^a-z0-9._-]+/g, '_')
  const value = plain.replace(/^[_.-]+/, '').slice(0, maxValueChars)
  return trimEnd(value) || 'part'
}

function trimEnd(text: string): string {
  let end = text.length
  while (end > 0 && '_.-'.includes(text[end - 1])) end--
  return text.slice(0, end)
}

import { show } from '../catalog/fields.ts'
import type { FieldPath } from '../catalog/problem.ts'
import type { KubeObject } from '../kubernetes/object.ts'
import type { Place } from './compiled.ts'
import { valueAt } from './value-at.ts'

const annotation = 'signalbox.dev/model-name'

/** HTTPHeaderMatch.value in gateway.networking.k8s.io/v1. */
const maxChars = 4096

export type NamedModel = { readonly modelName: string; readonly from: Place }

/** The name that clients ask for the model of a service by, or why there is none that a route can match. */
export function findModelName(object: KubeObject): NamedModel | { readonly unknown: string } {
  const paths = namePaths(object)
  const path = paths.find((path) => !isAbsent(valueAt(object, path)))
  if (path === undefined) return { unknown: `no model name: set ${paths.map(writePath).join(' or ')}` }
  const modelName = valueAt(object, path)
  const refuse = (allowed: string) => ({ unknown: `${writePath(path)}: found ${show(modelName)}, allowed: ${allowed}` })
  if (typeof modelName !== 'string') return refuse('a string')
  // Code points, as the API server counts them; a string has at least half as many as it has code units.
  if (modelName.length > 2 * maxChars || [...modelName].length > maxChars)
    return refuse(`at most ${maxChars} characters`)
  if (/[\x00-\x1f\x7f]/.test(modelName)) return refuse('no control characters, as it is the value of a header')
  return { modelName, from: { object, path } }
}

/** Where a name may stand; the first that is there counts. */
function namePaths({ kind, spec }: KubeObject): readonly FieldPath[] {
  const ofAnnotation = ['metadata', 'annotations', annotation]
  const ofModel = ['spec', 'model', 'name']
  if (kind === 'AIMService') return [ofAnnotation, ['status', 'resolvedModel', 'name'], ofModel]
  // In some manifests the engine's model is an object, which has no name that clients know.
  const isNamed = typeof valueAt(spec, ['engine', 'model']) === 'string'
  return [ofAnnotation, ofModel, ...(isNamed ? [['spec', 'engine', 'model']] : [])]
}

const isAbsent = (value: unknown): boolean => value === undefined || value === null || value === ''

/** An annotation by its key alone. */
const writePath = (path: FieldPath): string => (path[1] === 'annotations' ? `annotation ${path[2]}` : path.join('.'))

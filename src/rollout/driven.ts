import { readResource } from '../catalog/read.ts'
import { identify, isObject, type Resource } from '../catalog/resource.ts'
import type { DrivenResource } from './driver.ts'
import { rolloutAnnotations } from './plan.ts'
import { type RolloutKind, rolloutsLabel, rolloutsName } from './state.ts'

/** The rollout of a resource; undefined where it has none, or one without effect. */
export function drivenResource(resource: Resource, defaultNamespace: string): DrivenResource | undefined {
  const { kind, object } = resource
  const id = identify(resource, defaultNamespace)
  if (id === undefined || !isRolloutKind(kind) || !hasSteps(object)) return undefined
  const [namespace, name] = id.slice(kind.length + 1).split('/')
  const { declaration } = readResource(resource, { defaultNamespace, unknownFields: 'warning' })
  if (declaration === undefined) return { kind, namespace, name, rollout: undefined }
  const rollout = 'rollout' in declaration ? declaration.rollout : undefined
  return rollout && { kind, namespace, name, rollout }
}

/** A resource whose steps have no effect. */
export type IdleResource = {
  readonly kind: RolloutKind
  readonly namespace: string
  readonly name: string
  /** For people. */
  readonly why: string
}

/** Why a resource that has steps has no rollout; undefined where it has one, or no steps. */
export function idleResource(resource: Resource, defaultNamespace: string): IdleResource | undefined {
  const { kind, object } = resource
  const id = identify(resource, defaultNamespace)
  if (id === undefined || !isRolloutKind(kind) || !hasSteps(object)) return undefined
  if (drivenResource(resource, defaultNamespace) !== undefined) return undefined
  const { problems } = readResource(resource, { defaultNamespace, unknownFields: 'warning' })
  const ofSteps = problems.find(({ path }) => path.includes(rolloutAnnotations.steps))
  const [namespace, name] = id.slice(kind.length + 1).split('/')
  return { kind, namespace, name, why: ofSteps?.message ?? `${rolloutAnnotations.steps} has no effect` }
}

const isRolloutKind = (kind: string): kind is RolloutKind =>
  kind === 'InferenceModel' || kind === 'InferenceModelRewrite'

function hasSteps({ metadata }: Resource['object']): boolean {
  const annotations = isObject(metadata) ? metadata.annotations : undefined
  return isObject(annotations) && typeof annotations[rolloutAnnotations.steps] === 'string'
}

/** The states in a ConfigMap of a manifest, by key; undefined when it is another resource. */
export function statesOf({ apiVersion, kind, object }: Resource): Readonly<Record<string, string>> | undefined {
  const { metadata, data = {} } = object
  if (apiVersion !== 'v1' || kind !== 'ConfigMap' || !isObject(metadata) || metadata.name !== rolloutsName)
    return undefined
  const texts = Object.entries(isObject(data) ? data : {}).filter(([, text]) => typeof text === 'string')
  return Object.fromEntries(texts) as Record<string, string>
}

/** The ConfigMap of the states of a namespace. */
export const statesManifest = (namespace: string, data: Readonly<Record<string, string>>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: rolloutsName, namespace, labels: { [rolloutsLabel]: 'true' } },
  data,
})

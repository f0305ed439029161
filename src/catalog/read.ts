import { rolloutsLabel } from '../rollout/state.ts'
import type { Declaration } from './declaration.ts'
import { problemAt, show } from './fields.ts'
import { didYouMean } from './nearest.ts'
import type { Problem } from './problem.ts'
import {
  type ReadOptions,
  readAdapters,
  readModel,
  readObjective,
  readPoolV1,
  readPoolV1alpha2,
  readRewrite,
  readRollouts,
  readRoute,
} from './readers.ts'
import { isObject, type Resource } from './resource.ts'
import { poolGroups } from './schema.ts'

/** The kinds that say something to the catalog, by apiVersion and kind. ConfigMaps do so by their label. */
const kinds: Readonly<Record<string, Declaration['kind']>> = {
  'inference.networking.k8s.io/v1 InferencePool': 'pool',
  'inference.networking.x-k8s.io/v1alpha2 InferencePool': 'pool',
  'inference.networking.x-k8s.io/v1alpha2 InferenceModel': 'model',
  'inference.networking.x-k8s.io/v1alpha2 InferenceObjective': 'objective',
  'llm-d.ai/v1alpha2 InferenceObjective': 'objective',
  'inference.networking.x-k8s.io/v1alpha2 InferenceModelRewrite': 'rewrite',
  'llm-d.ai/v1alpha2 InferenceModelRewrite': 'rewrite',
  'gateway.networking.k8s.io/v1 HTTPRoute': 'route',
  'gateway.networking.k8s.io/v1beta1 HTTPRoute': 'route',
}

const poolGroupKinds = ['InferencePool', 'InferenceModel', 'InferenceObjective', 'InferenceModelRewrite']

/** Labels of the ConfigMaps that a body-based router reads. */
const managedLabels = ['inference.networking.k8s.io/bbr-managed', 'inference.llm-d.ai/ipp-managed']

/** Kinds of the pools' API groups that the catalog doesn't need. */
const otherPoolGroupKinds = ['InferencePoolImport', 'EndpointPickerConfig']

/** The group that took over objectives and rewrites; other kinds of it are no business of ours. */
const successorGroup = 'llm-d.ai'

/** What a resource is to the catalog; undefined when it is nothing to it. */
export function kindOf(resource: Resource): Declaration['kind'] | undefined {
  if (resource.apiVersion === 'v1' && resource.kind === 'ConfigMap') return kindOfConfigMap(resource)
  return kinds[`${resource.apiVersion} ${resource.kind}`]
}

/** A `true` that has lost its quotes counts, so that the label is reported rather than the ConfigMap passed over. */
function kindOfConfigMap({ object }: Resource): 'adapters' | 'rollouts' | undefined {
  const labels = isObject(object.metadata) ? object.metadata.labels : undefined
  if (!isObject(labels)) return undefined
  if (String(labels[rolloutsLabel]) === 'true') return 'rollouts'
  return managedLabels.some((label) => String(labels[label]) === 'true') ? 'adapters' : undefined
}

/**
 * Validates one resource. The declaration is undefined when the resource can't be used, or when it says nothing to the
 * catalog, which is no problem.
 */
export function readResource(
  resource: Resource,
  options: ReadOptions,
): { readonly declaration: Declaration | undefined; readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  return { declaration: declare(resource, options, problems), problems }
}

function declare(resource: Resource, options: ReadOptions, problems: Problem[]): Declaration | undefined {
  const kind = kindOf(resource)
  switch (kind) {
    case 'pool':
      return resource.apiVersion === 'inference.networking.k8s.io/v1'
        ? readPoolV1(resource, options, problems)
        : readPoolV1alpha2(resource, options, problems)
    case 'model':
      return readModel(resource, options, problems)
    case 'objective':
      return readObjective(resource, options, problems)
    case 'rewrite':
      return readRewrite(resource, options, problems)
    case 'adapters':
      return readAdapters(resource, options, problems)
    case 'rollouts':
      return readRollouts(resource, options, problems)
    case 'route':
      return readRoute(resource, options, problems)
    case undefined: {
      const misnamed = findMisnamed(resource)
      if (misnamed !== undefined) problems.push(misnamed)
      return undefined
    }
  }
}

/** A version or kind that our API groups don't have: an API server would not know the resource either. */
export function findMisnamed(resource: Resource): Problem | undefined {
  const { apiVersion, kind, origin } = resource
  const isOfPoolGroup = poolGroups.some((group) => apiVersion.startsWith(`${group}/`))
  const isOurs = isOfPoolGroup || apiVersion.startsWith(`${successorGroup}/`)
  if (!isOurs || kindOf(resource) !== undefined || otherPoolGroupKinds.includes(kind)) return undefined
  const allowed = Object.keys(kinds).filter((name) => name.endsWith(` ${kind}`))
  if (allowed.length > 0) {
    const versions = allowed.map((name) => show(name.split(' ')[0])).join(', ')
    return problemAt(origin, ['apiVersion'], `found ${show(apiVersion)}, allowed for ${kind}: ${versions}`)
  }
  if (!isOfPoolGroup) return undefined
  const hint = didYouMean(kind, [...poolGroupKinds, ...otherPoolGroupKinds])
  return problemAt(origin, ['kind'], `unknown kind ${show(kind)}${hint}`)
}

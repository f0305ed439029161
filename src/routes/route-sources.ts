import { problemAt, show } from '../catalog/fields.ts'
import { formatProblem, type Problem, sortProblems } from '../catalog/problem.ts'
import { isObject, type Origin, type Resource } from '../catalog/resource.ts'
import { type KubeObject, keyOf } from '../kubernetes/object.ts'
import type { RouteSources } from './compile.ts'

/** What the resources of files are for routes. */
export type ReadRoutes = {
  readonly sources: RouteSources
  /** Where each object of `sources` stands. */
  readonly origins: ReadonlyMap<KubeObject, Origin>
  /** Resources that can't be read, so that nothing can be said of the rest either. */
  readonly problems: readonly Problem[]
  /** A line for each that is read otherwise than it stands there, or passed over, although it seems to be meant. */
  readonly notes: readonly string[]
}

type Collection = Exclude<keyof RouteSources, 'omeConfig'>

type ReadKind = {
  readonly group: string
  readonly versions: readonly string[]
  readonly into: Collection | 'omeConfig'
  /** Without a namespace. */
  readonly isClusterScoped?: true
}

const gateway = { group: 'gateway.networking.k8s.io', versions: ['v1', 'v1beta1'] }
const aim = { group: 'aim.eai.amd.com', versions: ['v1alpha1'] }

const readKinds: Readonly<Record<string, ReadKind>> = {
  InferenceService: { group: 'ome.io', versions: ['v1beta1'], into: 'inferenceServices' },
  AIMService: { ...aim, into: 'aimServices' },
  AIMRuntimeConfig: { ...aim, into: 'aimRuntimeConfigs' },
  AIMClusterRuntimeConfig: { ...aim, into: 'aimClusterRuntimeConfigs', isClusterScoped: true },
  HTTPRoute: { ...gateway, into: 'httpRoutes' },
  Service: { group: '', versions: ['v1'], into: 'services' },
  ConfigMap: { group: '', versions: ['v1'], into: 'omeConfig' },
}

const defaultNamespace = 'default'

/**
 * Sorts resources into what routes are compiled from. Objects are copies with their namespace filled in.
 * @param config the ConfigMap of OME; other ConfigMaps are passed over
 */
export function readRouteSources(
  resources: readonly Resource[],
  config: { readonly namespace: string; readonly name: string },
): ReadRoutes {
  const omeConfig = `${config.namespace}/${config.name}`
  const objects: Record<Collection, Map<string, KubeObject>> = {
    inferenceServices: new Map(),
    services: new Map(),
    aimServices: new Map(),
    aimRuntimeConfigs: new Map(),
    aimClusterRuntimeConfigs: new Map(),
    httpRoutes: new Map(),
  }
  const configs = new Map<string, KubeObject>()
  const origins = new Map<KubeObject, Origin>()
  const problems: Problem[] = []
  const notes: Problem[] = []
  for (const resource of resources) {
    const { apiVersion, kind, origin } = resource
    const problem = findNameProblem(resource)
    if (problem !== undefined) {
      problems.push(problem)
      continue
    }
    const read = findKind(resource)
    if (read === undefined) continue
    const version = apiVersion.slice(apiVersion.indexOf('/') + 1)
    if (!read.versions.includes(version)) {
      const allowed = read.versions.map((each) => show(`${read.group}/${each}`)).join(' or ')
      const message = `found ${show(apiVersion)}, read: ${allowed}; this ${kind} is passed over`
      notes.push(problemAt(origin, ['apiVersion'], message, 'warning'))
      continue
    }
    if (isCyclic(resource.object)) {
      problems.push(problemAt(origin, [], 'an alias (*) stands in what it refers to, and no object holds itself'))
      continue
    }
    const object = readObject(resource, read.isClusterScoped === true, problems, notes)
    const key = keyOf(object)
    if (read.into === 'omeConfig' && key !== omeConfig) continue
    const known = read.into === 'omeConfig' ? configs : objects[read.into]
    const other = known.get(key)
    if (other === undefined) {
      known.set(key, object)
      origins.set(object, origin)
    } else {
      const message = `${kind} ${key.replace(/^\//, '')} is given twice, first at ${origins.get(other)!.place([])}`
      problems.push(problemAt(origin, [], message))
    }
  }
  return {
    sources: { ...objects, omeConfig: configs.get(omeConfig) },
    origins,
    problems: sortProblems(problems),
    notes: sortProblems(notes).map(formatProblem),
  }
}

/** The kind as it is read here, in whatever version. */
function findKind({ apiVersion, kind }: Resource): ReadKind | undefined {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''
  const read = Object.hasOwn(readKinds, kind) ? readKinds[kind] : undefined
  return read?.group === group ? read : undefined
}

/** Fields that tell objects apart, or who is older: no guess is made at what was meant. */
const identifying = ['namespace', 'uid', 'creationTimestamp'] as const

function findNameProblem({ kind, object, origin }: Resource): Problem | undefined {
  // A configuration of the endpoint picker is a file, no object of an API server.
  if (kind === 'EndpointPickerConfig') return undefined
  const metadata = isObject(object.metadata) ? object.metadata : {}
  const { name } = metadata
  if (typeof name !== 'string' || name === '') {
    const found = name === undefined || name === null ? 'missing' : `found ${show(name)}`
    return problemAt(origin, ['metadata', 'name'], `${found}, allowed: a string`)
  }
  for (const field of identifying) {
    const value = metadata[field]
    if (value === undefined || value === null || typeof value === 'string') continue
    return problemAt(origin, ['metadata', field], `found ${show(value)}, allowed: a string`)
  }
  return undefined
}

/** Aliases of YAML can make a value a part of itself. */
function isCyclic(value: unknown): boolean {
  try {
    JSON.stringify(value)
    return false
  } catch {
    return true
  }
}

/** A copy with what the API server would make of its metadata. */
function readObject(resource: Resource, isClusterScoped: boolean, problems: Problem[], notes: Problem[]): KubeObject {
  const { apiVersion, kind, object } = resource
  const { name, namespace, labels, annotations, ...others } = object.metadata as Record<string, unknown>
  const texts = (field: 'labels' | 'annotations', value: unknown) => {
    const read = readTexts(resource, field, value, problems, notes)
    return read === undefined ? {} : { [field]: read }
  }
  return {
    ...object,
    apiVersion,
    kind,
    metadata: {
      ...withoutNulls(others),
      name: name as string,
      ...(isClusterScoped ? {} : { namespace: (namespace as string | null | undefined) || defaultNamespace }),
      ...texts('labels', labels),
      ...texts('annotations', annotations),
    },
  }
}

const withoutNulls = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))

/**
 * Labels or annotations, whose values are strings. An API server refuses others. As they are easily written (`"true"` without
 * the quotes), the text of the value is read, and said: it may differ from what was written, as `1.10` is the number 1.1.
 */
function readTexts(
  { origin }: Resource,
  field: 'labels' | 'annotations',
  given: unknown,
  problems: Problem[],
  notes: Problem[],
): Readonly<Record<string, string>> | undefined {
  if (given === undefined || given === null) return undefined
  if (!isObject(given)) {
    problems.push(problemAt(origin, ['metadata', field], `found ${show(given)}, allowed: an object`))
    return undefined
  }
  const texts: [key: string, text: string][] = []
  for (const [key, value] of Object.entries(given)) {
    const path = ['metadata', field, key]
    // As an API server stores it.
    if (value === null) texts.push([key, ''])
    else if (typeof value === 'string') texts.push([key, value])
    else if (typeof value === 'number' || typeof value === 'boolean') {
      texts.push([key, String(value)])
      const message = `found ${show(value)}, read as ${show(String(value))}; an API server takes only strings: put it in quotes`
      notes.push(problemAt(origin, path, message, 'warning'))
    } else {
      problems.push(problemAt(origin, path, `found ${show(value)}, allowed: a string`))
    }
  }
  return Object.fromEntries(texts)
}

import type { z } from 'zod'
import { type Annotated, readAnnotations } from './annotations.ts'
import type { Pool, TargetModel } from './catalog.ts'
import type {
  AdapterDeclaration,
  Declared,
  ModelDeclaration,
  ObjectiveDeclaration,
  PoolDeclaration,
  RewriteDeclaration,
  RolloutStates,
  RouteDeclaration,
  RouteRule,
} from './declaration.ts'
import { problemAt, readFields, type UnknownFields } from './fields.ts'
import type { Problem } from './problem.ts'
import type { Resource } from './resource.ts'
import { misnamedStates, readStates } from './rollout-states.ts'
import {
  adapterMap,
  adapterNames,
  configMap,
  httpRoute,
  type Metadata,
  modelV1alpha2,
  objectiveV1alpha2,
  poolGroups,
  poolV1,
  poolV1alpha2,
  rewriteV1alpha2,
} from './schema.ts'
import { composeDocuments } from './yaml.ts'

export type ReadOptions = {
  /** The namespace of resources that name none. */
  readonly defaultNamespace: string
  /** How bad it is when a pool or model has fields without a meaning. It is used without them in either case. */
  readonly unknownFields: Problem['severity']
}

export function readPoolV1(resource: Resource, options: ReadOptions, problems: Problem[]): PoolDeclaration | undefined {
  const object = readObject(poolV1, resource, options.unknownFields, problems)
  if (object === undefined) return undefined
  const { selector, targetPorts, appProtocol } = object.spec
  const ports = targetPorts.map(({ number }) => number)
  return declarePool(resource, object.metadata, options, Object.entries(selector.matchLabels), ports, appProtocol)
}

export function readPoolV1alpha2(
  resource: Resource,
  options: ReadOptions,
  problems: Problem[],
): PoolDeclaration | undefined {
  const object = readObject(poolV1alpha2, resource, options.unknownFields, problems)
  if (object === undefined) return undefined
  const { selector, targetPortNumber } = object.spec
  return declarePool(resource, object.metadata, options, Object.entries(selector), [targetPortNumber], 'http')
}

function declarePool(
  resource: Resource,
  metadata: Metadata,
  options: ReadOptions,
  selector: Pool['selector'],
  targetPorts: Pool['targetPorts'],
  appProtocol: Pool['appProtocol'],
): PoolDeclaration {
  const namespace = namespaceOf(metadata, options)
  const { name } = metadata
  const pool = { key: `${namespace}/${name}`, namespace, name, selector, targetPorts, appProtocol }
  return { ...common(resource, metadata, options), kind: 'pool', pool }
}

const priorities = { Critical: 1, Standard: 0, Sheddable: -1 }

export function readModel(resource: Resource, options: ReadOptions, problems: Problem[]): ModelDeclaration | undefined {
  const object = readObject(modelV1alpha2, resource, options.unknownFields, problems)
  if (object === undefined) return undefined
  const { modelName, criticality, poolRef, targetModels } = object.spec
  const targets = (targetModels.length > 0 ? targetModels : [{ name: modelName }]).map(target)
  const annotated = readAnnotated(resource, object.metadata, [targets], options, problems)
  if (annotated === undefined) return undefined
  return {
    ...common(resource, object.metadata, options),
    kind: 'model',
    modelName,
    poolKey: `${namespaceOf(object.metadata, options)}/${poolRef.name}`,
    priority: priorities[criticality ?? 'Standard'],
    targets,
    ...annotated,
  }
}

function target({ name, weight }: { name: string; weight?: number | undefined }): TargetModel {
  return { name, weight: weight ?? 1, literal: Buffer.from(JSON.stringify(name)) }
}

export function readObjective(
  resource: Resource,
  options: ReadOptions,
  problems: Problem[],
): ObjectiveDeclaration | undefined {
  const object = readObject(objectiveV1alpha2, resource, options.unknownFields, problems)
  if (object === undefined) return undefined
  const { poolRef, priority = 0 } = object.spec
  const namespace = namespaceOf(object.metadata, options)
  return {
    ...common(resource, object.metadata, options),
    kind: 'objective',
    key: `${namespace}/${object.metadata.name}`,
    poolKey: `${namespace}/${poolRef.name}`,
    priority,
  }
}

export function readRewrite(
  resource: Resource,
  options: ReadOptions,
  problems: Problem[],
): RewriteDeclaration | undefined {
  const object = readObject(rewriteV1alpha2, resource, options.unknownFields, problems)
  if (object === undefined) return undefined
  const rules = object.spec.rules.map(({ matches, targets }) => ({
    models: matches.map((match) => match.model.value),
    targets: targets.map(({ modelRewrite, weight }) => target({ name: modelRewrite, weight })),
  }))
  const splits = rules.map(({ targets }) => targets)
  const annotated = readAnnotated(resource, object.metadata, splits, options, problems)
  if (annotated === undefined) return undefined
  return {
    ...common(resource, object.metadata, options),
    kind: 'rewrite',
    name: object.metadata.name,
    poolKey: `${namespaceOf(object.metadata, options)}/${object.spec.poolRef.name}`,
    rules,
    ...annotated,
  }
}

function readAnnotated(
  { origin }: Resource,
  { annotations = {} }: Metadata,
  splits: readonly (readonly TargetModel[])[],
  { unknownFields }: ReadOptions,
  problems: Problem[],
): Annotated | undefined {
  const names = splits.map((targets) => targets.map(({ name }) => name))
  return readAnnotations(annotations, names, origin, unknownFields, problems)
}

export function readRollouts(resource: Resource, options: ReadOptions, problems: Problem[]): RolloutStates | undefined {
  const object = readObject(configMap, resource, 'ignore', problems)
  if (object === undefined) return undefined
  const { metadata, data } = object
  const misnamed = misnamedStates(metadata.name, resource.origin)
  if (misnamed !== undefined) {
    problems.push(misnamed)
    return undefined
  }
  const states = readStates(data, namespaceOf(metadata, options), resource.origin, problems)
  return { ...common(resource, metadata, options), kind: 'rollouts', ...states }
}

export function readAdapters(
  resource: Resource,
  options: ReadOptions,
  problems: Problem[],
): AdapterDeclaration | undefined {
  const object = readObject(adapterMap, resource, 'ignore', problems)
  if (object === undefined) return undefined
  const adapters = readAdapterNames(object.data.adapters ?? '', resource, problems)
  if (adapters === undefined) return undefined
  const { baseModel } = object.data
  return { ...common(resource, object.metadata, options), kind: 'adapters', baseModel, adapters }
}

/** data.adapters is YAML in a string. Every scalar is a name as it stands there: `1.10` is no number. */
function readAdapterNames(text: string, { origin }: Resource, problems: Problem[]): readonly string[] | undefined {
  const path = ['data', 'adapters']
  let list: unknown
  try {
    const [document, second] = composeDocuments(text, { schema: 'failsafe', prettyErrors: false, logLevel: 'error' })
    const error = document?.errors[0]
    if (error !== undefined) throw error
    if (second !== undefined) throw new Error('more than one document')
    list = document?.toJS()
  } catch (error) {
    problems.push(problemAt(origin, path, `broken YAML: ${(error as Error).message}`))
    return undefined
  }
  const reading = readFields(adapterNames, list ?? [], origin, 'ignore', path)
  problems.push(...reading.problems)
  return reading.data
}

export function readRoute(resource: Resource, options: ReadOptions, problems: Problem[]): RouteDeclaration | undefined {
  const object = readObject(httpRoute, resource, 'ignore', problems)
  if (object === undefined) return undefined
  const namespace = namespaceOf(object.metadata, options)
  const rules = object.spec.rules.map((rule): RouteRule => {
    const headers = rule.matches.flatMap((match) => match.headers)
    const modelNames = headers
      .filter(({ name, type }) => type === 'Exact' && name.toLowerCase() === 'x-gateway-model-name')
      .map(({ value }) => value)
    const weights = new Map<string, number>()
    for (const backend of rule.backendRefs.filter(refersToPool)) {
      const key = `${backend.namespace ?? namespace}/${backend.name}`
      weights.set(key, (weights.get(key) ?? 0) + backend.weight)
    }
    const leadsElsewhere = rule.backendRefs.some((backend) => !refersToPool(backend) && backend.weight > 0)
    return { modelNames, weights, leadsElsewhere }
  })
  return { ...common(resource, object.metadata, options), kind: 'route', rules }
}

function refersToPool({ group, kind }: { group: string; kind: string }): boolean {
  return kind === 'InferencePool' && poolGroups.some((known) => known === group)
}

function readObject<T extends { metadata: Metadata }>(
  schema: z.ZodType<T>,
  { object, origin }: Resource,
  unknownFields: UnknownFields,
  problems: Problem[],
): T | undefined {
  const reading = readFields(schema, object, origin, unknownFields)
  problems.push(...reading.problems)
  return reading.data
}

function namespaceOf(metadata: Metadata, { defaultNamespace }: ReadOptions): string {
  return metadata.namespace || defaultNamespace
}

function common({ apiVersion, kind, origin }: Resource, metadata: Metadata, options: ReadOptions): Declared {
  const { name, creationTimestamp } = metadata
  const createdAtMs = creationTimestamp === undefined ? Number.POSITIVE_INFINITY : Date.parse(creationTimestamp)
  return { id: `${kind} ${namespaceOf(metadata, options)}/${name}`, apiVersion, origin, createdAtMs }
}

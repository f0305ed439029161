import type { Catalog, ModelRoute, ModelRule, Pool, StickyKey, TargetModel } from '../catalog/catalog.ts'
import { nearest } from '../catalog/nearest.ts'
import { type Refusal, refuse } from './errors.ts'

/** What a request is asked for with: what the body and the stream say. */
export type ModelRequest = {
  /** Undefined when there is no body, or none that names a model. */
  readonly model: string | undefined
  /** `namespace/name` from the gRPC metadata `x-inference-pool`. */
  readonly poolHint: string | undefined
  /** The value of a sticky key in this request; undefined when it has none. */
  stickyValue(key: StickyKey): string | undefined
}

/** Where a request shall go. */
export type Route = {
  readonly pool: Pool | undefined
  readonly rule: ModelRule | undefined
  /** Undefined: the model keeps the name that the client gave. */
  readonly target: TargetModel | undefined
  readonly baseModel: string | undefined
}

/**
 * The pool and the target model of a request. The pool is the one that the stream's metadata names; else the one of the
 * model's rule, drawn by weight when several pools serve the name; else the only pool; else none, and Envoy's routes decide
 * by the model name.
 */
export function resolve(
  catalog: Catalog,
  request: ModelRequest,
  rejectsUnknown: boolean,
  random: () => number,
): Route | Refusal {
  const { model, poolHint } = request
  const modelRoute = model === undefined ? undefined : catalog.models.get(model)
  if (poolHint !== undefined) {
    const pool = catalog.pools.get(poolHint)
    if (pool === undefined) {
      return refuse('pool_not_found', `no InferencePool ${poolHint} is served here (gRPC metadata x-inference-pool)`)
    }
    const rule = modelRoute?.rules.find((candidate) => candidate.pool.key === pool.key)
    if (rule === undefined && rejectsUnknown && model !== undefined) return modelNotFound(catalog, model)
    return routeTo(catalog, request, pool, rule, random)
  }
  if (modelRoute !== undefined) {
    const rule = modelRoute.rules[drawIndex(modelRoute, random)]
    return routeTo(catalog, request, rule.pool, rule, random)
  }
  if (rejectsUnknown && model !== undefined) return modelNotFound(catalog, model)
  return routeTo(catalog, request, onlyPool(catalog), undefined, random)
}

/** What must still be read of the body before {@link resolve} can choose: a sticky key that is a body field. */
export function needsUser(catalog: Catalog, model: string): boolean {
  const rules = catalog.models.get(model)?.rules
  return rules?.some((rule) => rule.stickyBy?.kind === 'user' && rule.targets.length > 1) ?? false
}

/** Whether {@link resolve} may give the model another name, and so the body another length. */
export function mayRename(catalog: Catalog, model: string): boolean {
  const rules = catalog.models.get(model)?.rules
  return rules?.some((rule) => rule.targets.some((target) => target.name !== model)) ?? false
}

function routeTo(
  catalog: Catalog,
  request: ModelRequest,
  pool: Pool | undefined,
  rule: ModelRule | undefined,
  random: () => number,
): Route {
  const target = rule === undefined ? undefined : chooseTarget(rule, request, random)
  return { pool, rule, target, baseModel: baseModelOf(catalog, request.model, target) }
}

function onlyPool(catalog: Catalog): Pool | undefined {
  return catalog.pools.size === 1 ? catalog.pools.values().next().value : undefined
}

function baseModelOf(catalog: Catalog, model: string | undefined, target: TargetModel | undefined): string | undefined {
  if (model === undefined || catalog.baseModels.size === 0) return undefined
  return catalog.baseModels.get(model) ?? (target && catalog.baseModels.get(target.name))
}

/** A target by weight: drawn for each request, or the same for each value of the rule's sticky key. */
function chooseTarget(rule: ModelRule, request: ModelRequest, random: () => number): TargetModel {
  const { targets, totalWeight, stickyBy } = rule
  if (targets.length === 1) return targets[0]
  const value = stickyBy && request.stickyValue(stickyBy)
  const share = value === undefined ? random() : hashToShare(`${rule.modelName}\0${value}`)
  let left = share * totalWeight
  for (const target of targets) {
    left -= target.weight
    if (left < 0) return target
  }
  return targets[targets.length - 1]
}

function drawIndex(route: ModelRoute, random: () => number): number {
  if (route.rules.length === 1) return 0
  let left = random() * route.totalWeight
  for (let i = 0; i < route.weights.length; i++) {
    left -= route.weights[i]
    if (left < 0) return i
  }
  return route.weights.length - 1
}

/**
 * A number in [0, 1) that is the same for the same text in every replica: FNV-1a with a final mix (murmur3's), so that
 * texts that differ in one character lie far apart. When a target's weight grows, those who have it keep it.
 */
export function hashToShare(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}

/** A near name is looked for only where that takes well under a millisecond: anyone can ask for any model. */
const maxComparedLength = 64
const maxComparedNames = 200

function modelNotFound(catalog: Catalog, model: string): Refusal {
  const isComparable = model.length <= maxComparedLength && catalog.models.size <= maxComparedNames
  const near = isComparable ? nearest(model, [...catalog.models.keys()]) : undefined
  const hint = near === undefined ? '' : `; did you mean "${near}"?`
  return refuse('model_not_found', `the model "${model}" is not served here${hint}`)
}

import type {
  Catalog,
  ModelRoute,
  ModelRule,
  Objective,
  Pool,
  RewriteRule,
  StickyKey,
  TargetModel,
  TargetRollout,
  TargetSplit,
} from '../catalog/catalog.ts'
import { modelNames } from '../catalog/model-names.ts'
import { nearest } from '../catalog/nearest.ts'
import { controlCharacter } from './bodies/body-reader.ts'
import { type Refusal, refuse } from './errors.ts'
import { maxModelBytes } from './limits.ts'

/** What a request is asked for with: what the body, the stream and the headers that count say. */
export type ModelRequest = {
  /** Undefined when there is no body, or none that names a model. */
  readonly model: string | undefined
  /** `namespace/name` from the gRPC metadata `x-inference-pool`. */
  readonly poolHint: string | undefined
  /** The name of an InferenceObjective: x-llm-d-inference-objective, else x-gateway-inference-objective. */
  readonly objective: string | undefined
  /** The model that the server shall be asked for: x-llm-d-model-name-rewrite, else x-gateway-model-name-rewrite. */
  readonly modelRewrite: string | undefined
  /** The value of a sticky key in this request; undefined when it has none. */
  stickyValue(key: StickyKey): string | undefined
}

/** Where a request shall go. */
export type Route = {
  readonly pool: Pool | undefined
  readonly rule: ModelRule | undefined
  /** The rule of an InferenceModelRewrite that chose the target. */
  readonly rewrite: RewriteRule | undefined
  /** Undefined: the model keeps the name that the client gave. */
  readonly target: TargetModel | undefined
  /** Of what chose the target; undefined where nothing is rolled out there. */
  readonly rollout: TargetRollout | undefined
  readonly baseModel: string | undefined
  /** Higher ones first; below 0 the request may be shed. */
  readonly priority: number
}

/**
 * The pool, the target model and the priority of a request. The pool is the one that the stream's metadata names; else the
 * one of the model's rule, of a rewrite that matches the model exactly, or of the HTTPRoute rule for the model, drawn by weight
 * when there are several; else the only pool; else none, and Envoy's routes decide by the model name.
 */
export function resolve(
  catalog: Catalog,
  request: ModelRequest,
  rejectsUnknown: boolean,
  random: () => number,
): Route | Refusal {
  const { model, poolHint } = request
  const modelRoute = model === undefined ? undefined : catalog.models.get(model)
  let pool: Pool | undefined
  let rule: ModelRule | undefined
  if (poolHint !== undefined) {
    pool = catalog.pools.get(poolHint)
    if (pool === undefined) {
      return refuse('pool_not_found', `no InferencePool ${poolHint} is served here (gRPC metadata x-inference-pool)`)
    }
    rule = ruleIn(pool, modelRoute)
  } else if (modelRoute !== undefined) {
    rule = modelRoute.rules[drawIndex(modelRoute.weights, modelRoute.totalWeight, random)]
    pool = rule.pool
  } else {
    pool = drawPool(catalog, model, random) ?? onlyPool(catalog)
  }
  const rewrite = rewriteIn(catalog, pool, model)
  if (rejectsUnknown && model !== undefined && rule === undefined && rewrite === undefined) {
    if (!isNamedFor(catalog, model, pool)) return modelNotFound(catalog, model)
  }
  // Without a pool this is no endpoint picker, and the header is not for it.
  const header = pool && request.modelRewrite
  const by = model === undefined ? undefined : chooser(rewrite, rule, header)
  const target = model === undefined ? undefined : targetBy(by, model, request, random)
  const rollout = typeof by === 'object' ? by.rollout : undefined
  const baseModel = baseModelOf(catalog, model, target)
  return { pool, rule, rewrite, target, rollout, baseModel, priority: priorityOf(catalog, request, pool, rule) }
}

/** An adapter or base model, or a name that an HTTPRoute leads to this pool or to a Service. */
function isNamedFor(catalog: Catalog, model: string, pool: Pool | undefined): boolean {
  if (catalog.baseModels.has(model) || catalog.servedElsewhere.has(model)) return true
  return pool !== undefined && catalog.poolsByName.get(model)?.pools.includes(pool) === true
}

/** Whether more of the body must be read before {@link resolve} can choose: its sticky key is a field that has not come. */
export function lacksStickyKey(catalog: Catalog, request: ModelRequest): boolean {
  return someChooser(catalog, request, asksForField)
}

/** Whether {@link resolve} may give the model another name, and so the body another length. */
export function mayRename(catalog: Catalog, request: ModelRequest): boolean {
  return someChooser(catalog, request, renames)
}

/** What chooses the target: a split of an InferenceModelRewrite or InferenceModel, or the name that a header gives. */
type Chooser = TargetSplit | string | undefined

/** A rewrite goes before the header, and the header before the rule of an InferenceModel. */
function chooser(rewrite: RewriteRule | undefined, rule: ModelRule | undefined, header: string | undefined): Chooser {
  return rewrite ?? (isUsableName(header) ? header : rule)
}

function targetBy(by: Chooser, model: string, request: ModelRequest, random: () => number): TargetModel | undefined {
  if (by === undefined || by === model) return undefined
  if (typeof by === 'string') return { name: by, weight: 1, literal: Buffer.from(JSON.stringify(by)) }
  return chooseTarget(by, model, request, random)
}

function asksForField(by: Chooser, _model: string, request: ModelRequest): boolean {
  if (typeof by !== 'object') return false
  const { stickyBy, targets } = by
  if (stickyBy?.kind !== 'user' && stickyBy?.kind !== 'prompt-cache-key') return false
  return onlyTarget(targets) === undefined && request.stickyValue(stickyBy) === undefined
}

function renames(by: Chooser, model: string): boolean {
  if (typeof by !== 'object') return by !== undefined && by !== model
  for (let i = 0; i < by.targets.length; i++) {
    const { name, weight } = by.targets[i]
    if (weight > 0 && name !== model) return true
  }
  return false
}

/** The target that gets all requests; undefined where several share them. */
export function onlyTarget(targets: readonly TargetModel[]): TargetModel | undefined {
  let only: TargetModel | undefined
  for (let i = 0; i < targets.length; i++) {
    if (targets[i].weight === 0) continue
    if (only !== undefined) return undefined
    only = targets[i]
  }
  return only
}

/** Whether `test` is true for any chooser that {@link resolve} may come to, whatever it draws. */
function someChooser(
  catalog: Catalog,
  request: ModelRequest,
  test: (by: Chooser, model: string, request: ModelRequest) => boolean,
): boolean {
  const { model, poolHint, modelRewrite: header } = request
  if (model === undefined) return false
  const route = catalog.models.get(model)
  if (poolHint !== undefined) {
    const pool = catalog.pools.get(poolHint)
    if (pool === undefined) return false
    return test(chooser(rewriteIn(catalog, pool, model), ruleIn(pool, route), header), model, request)
  }
  if (route !== undefined) {
    for (let i = 0; i < route.rules.length; i++) {
      const rule = route.rules[i]
      if (test(chooser(rewriteIn(catalog, rule.pool, model), rule, header), model, request)) return true
    }
    return false
  }
  const shares = catalog.poolsByName.get(model)
  if (shares !== undefined) {
    for (let i = 0; i < shares.pools.length; i++) {
      if (test(chooser(rewriteIn(catalog, shares.pools[i], model), undefined, header), model, request)) return true
    }
    return false
  }
  const pool = onlyPool(catalog)
  return test(chooser(rewriteIn(catalog, pool, model), undefined, pool && header), model, request)
}

function ruleIn(pool: Pool, route: ModelRoute | undefined): ModelRule | undefined {
  if (route === undefined) return undefined
  for (let i = 0; i < route.rules.length; i++) {
    if (route.rules[i].pool.key === pool.key) return route.rules[i]
  }
  return undefined
}

/** A request without a model has nothing to rewrite. */
function rewriteIn(catalog: Catalog, pool: Pool | undefined, model: string | undefined): RewriteRule | undefined {
  if (catalog.rewrites.size === 0 || pool === undefined || model === undefined) return undefined
  const rewrites = catalog.rewrites.get(pool.key)
  return rewrites && (rewrites.exact.get(model) ?? rewrites.generic)
}

function drawPool(catalog: Catalog, model: string | undefined, random: () => number): Pool | undefined {
  const shares = model === undefined ? undefined : catalog.poolsByName.get(model)
  return shares?.pools[drawIndex(shares.weights, shares.totalWeight, random)]
}

function onlyPool(catalog: Catalog): Pool | undefined {
  return catalog.pools.size === 1 ? catalog.pools.values().next().value : undefined
}

/** Clients write headers: a name must be one that a body could have, too. */
function isUsableName(name: string | undefined): name is string {
  if (name === undefined || name === '') return false
  return Buffer.byteLength(name) <= maxModelBytes && !controlCharacter.test(name)
}

function priorityOf(
  catalog: Catalog,
  request: ModelRequest,
  pool: Pool | undefined,
  rule: ModelRule | undefined,
): number {
  return (objectiveOf(catalog, request, pool) ?? rule)?.priority ?? 0
}

/** An objective counts for the pool that it refers to, where a client names it; one that is not there is as if not named. */
export function objectiveOf(
  catalog: Catalog,
  { objective: name }: Pick<ModelRequest, 'objective'>,
  pool: Pool | undefined,
): Objective | undefined {
  if (name === undefined || pool === undefined || catalog.objectives.size === 0) return undefined
  const objective = catalog.objectives.get(`${pool.namespace}/${name}`)
  return objective?.poolKey === pool.key ? objective : undefined
}

function baseModelOf(catalog: Catalog, model: string | undefined, target: TargetModel | undefined): string | undefined {
  if (model === undefined || catalog.baseModels.size === 0) return undefined
  return catalog.baseModels.get(model) ?? (target && catalog.baseModels.get(target.name))
}

/**
 * A target by weight: drawn for each request, or the same for each value of the split's sticky key. One that is rolled out, the last,
 * takes its part from the users of each of the others alike, so that nobody goes from one of these to another when it grows.
 */
function chooseTarget(split: TargetSplit, model: string, request: ModelRequest, random: () => number): TargetModel {
  const { targets, totalWeight, stickyBy, rollout } = split
  const only = onlyTarget(targets)
  if (only !== undefined) return only
  const value = stickyBy && request.stickyValue(stickyBy)
  const share = value === undefined ? random() : hashToShare(`${model}\0${value}`)
  const newest = rollout === undefined ? undefined : targets[targets.length - 1]
  const restWeight = newest === undefined ? totalWeight : totalWeight - newest.weight
  let left = share * restWeight
  let last = targets[0]
  for (const target of targets) {
    if (target.weight === 0) continue
    if (left < target.weight) {
      const isKept = newest === undefined || left * totalWeight < target.weight * restWeight
      return isKept ? target : newest
    }
    left -= target.weight
    last = target
  }
  // Sums of fractions may fall short of the total weight by a little.
  return last
}

function drawIndex(weights: readonly number[], totalWeight: number, random: () => number): number {
  if (weights.length === 1) return 0
  let left = random() * totalWeight
  for (let i = 0; i < weights.length; i++) {
    left -= weights[i]
    if (left < 0) return i
  }
  return weights.length - 1
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

/** The refusal of a model that is not served here, with a near name that is. */
export function modelNotFound(catalog: Catalog, model: string): Refusal {
  const isComparable = model.length <= maxComparedLength && modelNames(catalog).length <= maxComparedNames
  const near = isComparable ? nearest(model, modelNames(catalog)) : undefined
  const hint = near === undefined ? '' : `; did you mean "${near}"?`
  return refuse('model_not_found', `the model "${model}" is not served here${hint}`)
}

import type { RolloutPlan } from '../rollout/plan.ts'
import type { RolloutPhase } from '../rollout/state.ts'

/**
 * The immutable snapshot that requests are decided by: pools, rules of models, objectives and adapters, compiled from resources.
 * A request keeps the snapshot it began with; a change of resources makes a new one.
 */

/** An InferencePool that this process serves (v1alpha2 or v1). */
export type Pool = {
  /** `namespace/name`, the key in {@link Catalog.pools}. */
  readonly key: string
  readonly namespace: string
  readonly name: string
  /** Labels that all must match, in the pool's namespace (spec.selector, spec.selector.matchLabels). */
  readonly selector: readonly (readonly [label: string, value: string])[]
  /** Each port of a matching pod is an endpoint of its own (spec.targetPortNumber, spec.targetPorts). */
  readonly targetPorts: readonly number[]
  readonly appProtocol: 'http' | 'kubernetes.io/h2c'
}

/** A model that the servers of a pool know: a base model or a LoRA adapter. */
export type TargetModel = {
  readonly name: string
  /**
   * Share of {@link TargetSplit.totalWeight}; 1 each where the resource gives no weights. A target that is rolled out may have 0,
   * and so may the others of its split.
   */
  readonly weight: number
  /** The name as a JSON string literal with its quotes, UTF-8: what is spliced into a body. */
  readonly literal: Buffer
}

/**
 * What keeps one user on one target: `user` or `prompt_cache_key` of the body, a request header (lower case name), or the first
 * of the headers that API keys come in ({@link apiKeyHeaders}).
 */
export type StickyKey =
  | { readonly kind: 'user' }
  | { readonly kind: 'prompt-cache-key' }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'api-key' }

/** The one that counts first comes first. */
export const apiKeyHeaders = ['authorization', 'x-api-key', 'api-key'] as const

/** How requests are divided among target models. */
export type TargetSplit = {
  /** At least one. */
  readonly targets: readonly TargetModel[]
  /** More than 0. */
  readonly totalWeight: number
  /** From the annotation `signalbox.dev/sticky-by`; undefined draws a target per request. */
  readonly stickyBy: StickyKey | undefined
  /** One of the targets, the last, is being rolled out: its weight is not the resource's own. */
  readonly rollout: TargetRollout | undefined
}

/** How far one target of a split is rolled out. It has {@link weightPercent}, the others share the rest by their own weights. */
export type TargetRollout = {
  /** The resource in words for people, e.g. `InferenceModel default/travel-helper`. */
  readonly resource: string
  /** Name of the target. */
  readonly target: string
  /** From the annotations; undefined while they can't be read. */
  readonly plan: RolloutPlan | undefined
  /** Of the ConfigMap, where it says something of this target; else the weight is 0. */
  readonly weightPercent: number
  readonly phase: RolloutPhase | undefined
  /** Index of the step of the plan. */
  readonly step: number | undefined
  /** For people: how it stands, and why. */
  readonly message: string | undefined
}

/** What one InferenceModel says about one model name in one pool. */
export type ModelRule = TargetSplit & {
  /** The resource in words for people, e.g. `InferenceModel default/qwen`. */
  readonly source: string
  readonly modelName: string
  readonly pool: Pool
  /** Critical 1, Standard or unset 0, Sheddable -1. */
  readonly priority: number
}

/** The rules of one model name: one a pool, with the share of requests that each pool gets. */
export type ModelRoute = {
  readonly rules: readonly ModelRule[]
  /** Parallel to {@link rules}: from the HTTPRoute rule that matches the name, else 1 each. */
  readonly weights: readonly number[]
  readonly totalWeight: number
}

/** What one rule of an InferenceModelRewrite makes of the models that it matches. */
export type RewriteRule = TargetSplit & {
  /** The resource in words for people, e.g. `InferenceModelRewrite default/canary`. */
  readonly source: string
  /** metadata.name: what metrics call it. */
  readonly name: string
}

/** The rules of a pool's InferenceModelRewrites. One that matches the name exactly goes before the generic one. */
export type PoolRewrites = {
  /** By the model name that clients ask for. */
  readonly exact: ReadonlyMap<string, RewriteRule>
  /** A rule without matches: it applies to every other name. */
  readonly generic: RewriteRule | undefined
}

/** Pools that share the requests for a model name. */
export type PoolShares = {
  /** At least one. */
  readonly pools: readonly Pool[]
  /** Parallel to {@link pools}: from the HTTPRoute rule that matches the name, else 1 each. */
  readonly weights: readonly number[]
  readonly totalWeight: number
}

/** What an InferenceObjective says of the requests that name it. */
export type Objective = {
  /** The resource in words for people, e.g. `InferenceObjective default/batch`. */
  readonly source: string
  /** `namespace/name` of the only pool that it counts for. */
  readonly poolKey: string
  /** Higher ones first; below 0 the request may be shed. */
  readonly priority: number
}

export type Catalog = {
  readonly pools: ReadonlyMap<string, Pool>
  /** By the model name that clients ask for. */
  readonly models: ReadonlyMap<string, ModelRoute>
  /** By the pool's key. Pools without rules are not in it. */
  readonly rewrites: ReadonlyMap<string, PoolRewrites>
  /**
   * The pools of names that no InferenceModel has, by name: those in which an InferenceModelRewrite matches it exactly, else those
   * of the HTTPRoute rule that matches it in X-Gateway-Model-Name.
   */
  readonly poolsByName: ReadonlyMap<string, PoolShares>
  /** Names that an HTTPRoute rule matches in X-Gateway-Model-Name and leads to a Service: served, though by no pool. */
  readonly servedElsewhere: ReadonlySet<string>
  /** By the objective's `namespace/name`. */
  readonly objectives: ReadonlyMap<string, Objective>
  /** Adapter name → base model, and each base model → itself (ConfigMaps of the body-based router). */
  readonly baseModels: ReadonlyMap<string, string>
  /** Lower-case names of the request headers that some rule or rewrite reads ({@link StickyKey}). */
  readonly headerNames: readonly string[]
}

export const emptyCatalog: Catalog = {
  pools: new Map(),
  models: new Map(),
  rewrites: new Map(),
  poolsByName: new Map(),
  servedElsewhere: new Set(),
  objectives: new Map(),
  baseModels: new Map(),
  headerNames: [],
}

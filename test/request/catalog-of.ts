import {
  apiKeyHeaders,
  type Catalog,
  type ModelRule,
  type Objective,
  type Pool,
  type PoolRewrites,
  type RewriteRule,
  type StickyKey,
  type TargetRollout,
  type TargetSplit,
} from '../../src/catalog/catalog.ts'

/** What requests are divided among. */
export type SplitInput = {
  /** Weights by target name. */
  readonly targets: Readonly<Record<string, number>>
  readonly stickyBy?: StickyKey
  readonly rollout?: TargetRollout
}

/** One rule of a model name. */
export type RuleInput = SplitInput & {
  /** `namespace/name` */
  readonly pool: string
  /** Share of the name's requests that the pool gets; 1 when left out. */
  readonly poolWeight?: number
  /** 0 when left out. */
  readonly priority?: number
}

/** The rewrites of a pool by the model names that they match; `*` is the generic one. */
export type RewritesInput = Readonly<Record<string, SplitInput>>

export type CatalogInput = {
  /** Keys, `namespace/name`. */
  readonly pools?: readonly string[]
  readonly models?: Readonly<Record<string, RuleInput | readonly RuleInput[]>>
  /** By pool. */
  readonly rewrites?: Readonly<Record<string, RewritesInput>>
  /** Pool and priority by `namespace/name`. */
  readonly objectives?: Readonly<Record<string, Pick<Objective, 'poolKey' | 'priority'>>>
  /** Adapter → base model. */
  readonly baseModels?: Readonly<Record<string, string>>
}

/** A catalog in a few words. Pools share a name that several of them rewrite evenly. */
export function catalogOf(input: CatalogInput): Catalog {
  const { pools: keys = [], models = {}, rewrites: rewriteInputs = {}, objectives = {}, baseModels = {} } = input
  const pools = new Map(keys.map((key) => [key, poolOf(key)]))
  const routes = Object.entries(models).map(([modelName, given]) => {
    const inputs = Array.isArray(given) ? (given as readonly RuleInput[]) : [given as RuleInput]
    const rules = inputs.map((rule) => ruleOf(modelName, rule, pools.get(rule.pool)!))
    const weights = inputs.map(({ poolWeight = 1 }) => poolWeight)
    return [modelName, { rules, weights, totalWeight: sum(weights) }] as const
  })
  const rewrites = Object.entries(rewriteInputs).map(([key, given]) => [key, rewritesOf(given)] as const)
  const rewritten = [...new Set(rewrites.flatMap(([, { exact }]) => [...exact.keys()]))].map((model) => {
    const sharing = rewrites.filter(([, { exact }]) => exact.has(model)).map(([key]) => pools.get(key)!)
    return [model, { pools: sharing, weights: sharing.map(() => 1), totalWeight: sharing.length }] as const
  })
  const sticky = [
    ...routes.flatMap(([, { rules }]) => rules.map(({ stickyBy }) => stickyBy)),
    ...Object.values(rewriteInputs).flatMap((given) => Object.values(given).map(({ stickyBy }) => stickyBy)),
  ]
  return {
    pools,
    models: new Map(routes),
    rewrites: new Map(rewrites),
    poolsByName: new Map(rewritten),
    servedElsewhere: new Set(),
    objectives: new Map(
      Object.entries(objectives).map(([key, objective]) => [
        key,
        { source: `InferenceObjective ${key}`, ...objective },
      ]),
    ),
    baseModels: new Map(Object.entries(baseModels)),
    headerNames: sticky.flatMap((key) => {
      if (key?.kind === 'api-key') return apiKeyHeaders
      return key?.kind === 'header' ? [key.name] : []
    }),
  }
}

function poolOf(key: string): Pool {
  const [namespace, name] = key.split('/')
  return { key, namespace, name, selector: [['app', name]], targetPorts: [8000], appProtocol: 'http' }
}

function ruleOf(modelName: string, input: RuleInput, pool: Pool): ModelRule {
  return { ...splitOf(input), source: `InferenceModel ${modelName}`, modelName, pool, priority: input.priority ?? 0 }
}

function rewritesOf({ '*': generic, ...exact }: RewritesInput): PoolRewrites {
  const entries = Object.entries(exact).map(([model, input]) => [model, rewriteOf(model, input)] as const)
  return { exact: new Map(entries), generic: generic && rewriteOf('generic', generic) }
}

function rewriteOf(name: string, input: SplitInput): RewriteRule {
  return { ...splitOf(input), source: `InferenceModelRewrite ${name}`, name }
}

function splitOf({ targets, stickyBy, rollout }: SplitInput): TargetSplit {
  const list = Object.entries(targets).map(([name, weight]) => {
    return { name, weight, literal: Buffer.from(JSON.stringify(name)) }
  })
  return { targets: list, totalWeight: sum(Object.values(targets)), stickyBy, rollout }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

import type { ModelRoute, ModelRule, Pool } from './catalog.ts'
import type { Declaration, ModelDeclaration, RouteRule } from './declaration.ts'
import { problemAt } from './fields.ts'
import { didYouMean } from './nearest.ts'
import type { Problem } from './problem.ts'

/**
 * The rules of every model name, one a pool. Of several InferenceModels with one name in one pool the first of
 * `declarations` wins; the weights of pools come from the first HTTPRoute rule that divides the name among them.
 */
export function compileModels(
  declarations: readonly Declaration[],
  pools: ReadonlyMap<string, Pool>,
  problems: Problem[],
): ReadonlyMap<string, ModelRoute> {
  const winners = new Map<string, Map<string, { model: ModelDeclaration; pool: Pool }>>()
  for (const model of declarations) {
    if (model.kind !== 'model') continue
    const pool = pools.get(model.poolKey)
    if (pool === undefined) {
      problems.push(poolUnknown(model, pools))
      continue
    }
    const byPool = winners.get(model.modelName) ?? new Map()
    const winner = byPool.get(pool.key)
    if (winner !== undefined) problems.push(nameTaken(model, winner.model))
    else winners.set(model.modelName, byPool.set(pool.key, { model, pool }))
  }

  const routeRules = rulesByModelName(declarations)
  const routes = new Map<string, ModelRoute>()
  for (const [modelName, byPool] of winners) {
    const rules = [...byPool.values()].map(({ model, pool }) => compileRule(model, pool))
    const weights = poolWeights([...byPool.keys()], routeRules.get(modelName) ?? [])
    routes.set(modelName, { rules, weights, totalWeight: sum(weights) })
  }
  return routes
}

function compileRule(model: ModelDeclaration, pool: Pool): ModelRule {
  const { id: source, modelName, priority, targets, stickyBy } = model
  const totalWeight = sum(targets.map(({ weight }) => weight))
  return { source, modelName, pool, priority, targets, totalWeight, stickyBy }
}

function rulesByModelName(declarations: readonly Declaration[]): ReadonlyMap<string, readonly RouteRule[]> {
  const rules = new Map<string, RouteRule[]>()
  for (const route of declarations) {
    if (route.kind !== 'route') continue
    for (const rule of route.rules) {
      for (const name of rule.modelNames) rules.set(name, [...(rules.get(name) ?? []), rule])
    }
  }
  return rules
}

/** Parallel to `poolKeys`. Pools that the rule doesn't name get nothing; all get the same if it names none or gives none. */
function poolWeights(poolKeys: readonly string[], rules: readonly RouteRule[]): readonly number[] {
  const rule = rules.find(({ weights }) => poolKeys.some((key) => weights.has(key)))
  const weights = poolKeys.map((key) => rule?.weights.get(key) ?? 0)
  return sum(weights) > 0 ? weights : poolKeys.map(() => 1)
}

function poolUnknown(model: ModelDeclaration, pools: ReadonlyMap<string, Pool>): Problem {
  const [namespace, name] = model.poolKey.split('/')
  const others = [...pools.values()].filter((pool) => pool.namespace === namespace).map((pool) => pool.name)
  const message = `there is no valid InferencePool ${model.poolKey}${didYouMean(name, others)}`
  return problemAt(model.origin, ['spec', 'poolRef', 'name'], message)
}

function nameTaken(loser: ModelDeclaration, winner: ModelDeclaration): Problem {
  const why = winner.createdAtMs < loser.createdAtMs ? 'is older' : 'was first'
  const message = `${winner.id} serves ${JSON.stringify(loser.modelName)} in pool ${loser.poolKey} and ${why}`
  return problemAt(loser.origin, ['spec', 'modelName'], message, 'warning')
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

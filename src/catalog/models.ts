import type { ModelRoute, ModelRule, Pool } from './catalog.ts'
import { type Declaration, type ModelDeclaration, whyFirst } from './declaration.ts'
import { problemAt } from './fields.ts'
import { type ModelRoutes, sum } from './model-routes.ts'
import { findPool } from './pool-ref.ts'
import type { Problem } from './problem.ts'
import { type FindRollout, weigh } from './rollouts.ts'

/**
 * The rules of every model name, one a pool. Of several InferenceModels with one name in one pool the first of
 * `declarations` wins.
 */
export function compileModels(
  declarations: readonly Declaration[],
  pools: ReadonlyMap<string, Pool>,
  modelRoutes: ModelRoutes,
  rolloutOf: FindRollout,
  problems: Problem[],
): ReadonlyMap<string, ModelRoute> {
  const winners = new Map<string, Map<string, { model: ModelDeclaration; pool: Pool }>>()
  for (const model of declarations) {
    if (model.kind !== 'model') continue
    const pool = findPool(model, pools, problems)
    if (pool === undefined) continue
    const byPool = winners.get(model.modelName) ?? new Map()
    const winner = byPool.get(pool.key)
    if (winner !== undefined) problems.push(nameTaken(model, winner.model))
    else winners.set(model.modelName, byPool.set(pool.key, { model, pool }))
  }

  const routes = new Map<string, ModelRoute>()
  for (const [modelName, byPool] of winners) {
    const rules = [...byPool.values()].map(({ model, pool }) => compileRule(model, pool, rolloutOf))
    const weights = modelRoutes.weightsOf(modelName, [...byPool.keys()])
    routes.set(modelName, { rules, weights, totalWeight: sum(weights) })
  }
  return routes
}

function compileRule(model: ModelDeclaration, pool: Pool, rolloutOf: FindRollout): ModelRule {
  const { id: source, modelName, priority, targets, stickyBy } = model
  return { source, modelName, pool, priority, stickyBy, ...weigh(targets, rolloutOf(model)) }
}

function nameTaken(loser: ModelDeclaration, winner: ModelDeclaration): Problem {
  const message = `${winner.id} serves ${JSON.stringify(loser.modelName)} in pool ${loser.poolKey} and ${whyFirst(winner, loser)}`
  return problemAt(loser.origin, ['spec', 'modelName'], message, 'warning')
}

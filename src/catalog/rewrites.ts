import type { Pool, PoolRewrites, RewriteRule, TargetRollout } from './catalog.ts'
import { type Declaration, type RewriteDeclaration, whyFirst } from './declaration.ts'
import { problemAt } from './fields.ts'
import { findPool } from './pool-ref.ts'
import type { FieldPath, Problem } from './problem.ts'
import { type FindRollout, weigh } from './rollouts.ts'

/**
 * The rewrites of every pool, by its key. Of several rules for one name, and of several without matches, the first of the
 * first of `declarations` applies; the others are named in `problems`.
 */
export function compileRewrites(
  declarations: readonly Declaration[],
  pools: ReadonlyMap<string, Pool>,
  rolloutOf: FindRollout,
  problems: Problem[],
): ReadonlyMap<string, PoolRewrites> {
  const byPool = new Map<string, Building>()
  for (const rewrite of declarations) {
    if (rewrite.kind !== 'rewrite') continue
    const pool = findPool(rewrite, pools, problems)
    if (pool === undefined) continue
    const building = byPool.get(pool.key) ?? { exact: new Map(), generic: undefined }
    byPool.set(pool.key, building)
    const rollout = rolloutOf(rewrite)
    for (const index of rewrite.rules.keys()) addRule(building, rewrite, index, rollout, problems)
  }
  const rewrites = new Map<string, PoolRewrites>()
  for (const [key, { exact, generic }] of byPool) {
    if (exact.size === 0 && generic === undefined) continue
    const rules = [...exact].map(([model, { rule }]) => [model, rule] as const)
    rewrites.set(key, { exact: new Map(rules), generic: generic?.rule })
  }
  return rewrites
}

/** {@link PoolRewrites} in the making: each rule with the resource that it is from. */
type Building = { readonly exact: Map<string, Claim>; generic: Claim | undefined }
type Claim = { readonly rule: RewriteRule; readonly from: RewriteDeclaration }

function addRule(
  building: Building,
  from: RewriteDeclaration,
  index: number,
  rollout: TargetRollout | undefined,
  problems: Problem[],
): void {
  const { models, targets } = from.rules[index]
  const rule = { source: from.id, name: from.name, stickyBy: from.stickyBy, ...weigh(targets, rollout) }
  const path = ['spec', 'rules', index]
  if (models.length === 0) {
    if (building.generic === undefined) building.generic = { rule, from }
    else problems.push(neverApplies(from, building.generic.from, 'every other model', path))
  }
  for (const [at, model] of models.entries()) {
    const winner = building.exact.get(model)
    if (winner === undefined) building.exact.set(model, { rule, from })
    else {
      const value = [...path, 'matches', at, 'model', 'value']
      problems.push(neverApplies(from, winner.from, JSON.stringify(model), value))
    }
  }
}

function neverApplies(loser: RewriteDeclaration, winner: RewriteDeclaration, what: string, path: FieldPath): Problem {
  const why = winner === loser ? 'by an earlier rule' : `and ${whyFirst(winner, loser)}`
  const message = `${winner.id} rewrites ${what} in pool ${loser.poolKey} ${why}`
  return problemAt(loser.origin, path, message, 'warning')
}

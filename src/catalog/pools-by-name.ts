import type { Pool, PoolRewrites, PoolShares } from './catalog.ts'
import { type ModelRoutes, shares } from './model-routes.ts'

/** The pools of every name that rewrites match exactly, and of every other name that routes lead to pools. */
export function compilePoolsByName(
  rewrites: ReadonlyMap<string, PoolRewrites>,
  pools: ReadonlyMap<string, Pool>,
  routes: ModelRoutes,
): ReadonlyMap<string, PoolShares> {
  const rewriting = new Map<string, Pool[]>()
  for (const [key, { exact }] of rewrites) {
    for (const name of exact.keys()) {
      const sharing = rewriting.get(name) ?? []
      sharing.push(pools.get(key)!)
      rewriting.set(name, sharing)
    }
  }
  const poolsByName = new Map<string, PoolShares>()
  for (const [name, sharing] of rewriting) {
    const keys = sharing.map(({ key }) => key)
    poolsByName.set(name, shares(sharing, routes.weightsOf(name, keys)))
  }
  for (const name of routes.modelNames) {
    const routed = poolsByName.has(name) ? undefined : routes.sharesOf(name, pools)
    if (routed !== undefined) poolsByName.set(name, routed)
  }
  return poolsByName
}

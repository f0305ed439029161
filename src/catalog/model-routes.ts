import type { Pool, PoolShares } from './catalog.ts'
import type { Declaration, RouteRule } from './declaration.ts'

/** What HTTPRoute rules say of model names (Exact matches of X-Gateway-Model-Name). */
export type ModelRoutes = {
  /** Every name that a rule matches. */
  readonly modelNames: Iterable<string>
  /** The names that a rule leads to a backend that is no InferencePool. */
  readonly namesElsewhere: ReadonlySet<string>
  /** How the first rule that leads requests for a name to any of the pools divides them. */
  sharesOf(modelName: string, pools: ReadonlyMap<string, Pool>): PoolShares | undefined
  /**
   * The weights of pools for a name, parallel to `poolKeys` (`namespace/name`), from the first rule that divides it among any of
   * them; without one all are the same. They never add up to nothing.
   */
  weightsOf(modelName: string, poolKeys: readonly string[]): readonly number[]
}

export function readModelRoutes(declarations: readonly Declaration[]): ModelRoutes {
  const rules = new Map<string, RouteRule[]>()
  for (const route of declarations) {
    if (route.kind !== 'route') continue
    for (const rule of route.rules) {
      for (const name of rule.modelNames) rules.set(name, [...(rules.get(name) ?? []), rule])
    }
  }
  const rulesOf = (modelName: string) => rules.get(modelName) ?? []
  return {
    modelNames: rules.keys(),
    namesElsewhere: new Set([...rules].filter(([, ofName]) => ofName.some(leadsElsewhere)).map(([name]) => name)),
    sharesOf(modelName, pools) {
      for (const { weights } of rulesOf(modelName)) {
        const named = [...weights].filter(([key, weight]) => weight > 0 && pools.has(key))
        if (named.length > 0)
          return shares(
            named.map(([key]) => pools.get(key)!),
            named.map(([, weight]) => weight),
          )
      }
      return undefined
    },
    weightsOf: (modelName, poolKeys) => weightsBy(rulesOf(modelName), poolKeys),
  }
}

const leadsElsewhere = (rule: RouteRule): boolean => rule.leadsElsewhere

/** @param weights parallel to `pools` */
export function shares(pools: readonly Pool[], weights: readonly number[]): PoolShares {
  return { pools, weights, totalWeight: sum(weights) }
}

/** Pools that the rule doesn't name get nothing; all get the same if it names none or gives none. */
function weightsBy(rules: readonly RouteRule[], poolKeys: readonly string[]): readonly number[] {
  const rule = rules.find(({ weights }) => poolKeys.some((key) => weights.has(key)))
  const weights = poolKeys.map((key) => rule?.weights.get(key) ?? 0)
  return sum(weights) > 0 ? weights : poolKeys.map(() => 1)
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

import type { Declaration, RouteRule } from './declaration.ts'

/** The weights of pools for a model name, parallel to `poolKeys` (`namespace/name`). They never add up to nothing. */
export type PoolWeights = (modelName: string, poolKeys: readonly string[]) => readonly number[]

/** Weights come from the first HTTPRoute rule that divides the name among any of the pools; without one all are the same. */
export function readPoolWeights(declarations: readonly Declaration[]): PoolWeights {
  const rules = new Map<string, RouteRule[]>()
  for (const route of declarations) {
    if (route.kind !== 'route') continue
    for (const rule of route.rules) {
      for (const name of rule.modelNames) rules.set(name, [...(rules.get(name) ?? []), rule])
    }
  }
  return (modelName, poolKeys) => weightsBy(rules.get(modelName) ?? [], poolKeys)
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

import type { Pool } from './catalog.ts'
import type { Declared } from './declaration.ts'
import { problemAt } from './fields.ts'
import { didYouMean } from './nearest.ts'
import type { Problem } from './problem.ts'

/** The pool that spec.poolRef names, in the namespace of the resource; undefined, with a problem, when there is none. */
export function findPool(
  declaration: Declared & { readonly poolKey: string },
  pools: ReadonlyMap<string, Pool>,
  problems: Problem[],
): Pool | undefined {
  const { poolKey, origin } = declaration
  const pool = pools.get(poolKey)
  if (pool !== undefined) return pool
  const [namespace, name] = poolKey.split('/')
  const others = [...pools.values()].filter((other) => other.namespace === namespace).map((other) => other.name)
  const message = `there is no valid InferencePool ${poolKey}${didYouMean(name, others)}`
  problems.push(problemAt(origin, ['spec', 'poolRef', 'name'], message))
  return undefined
}

import type { Objective, Pool } from './catalog.ts'
import type { Declaration } from './declaration.ts'
import { findPool } from './pool-ref.ts'
import type { Problem } from './problem.ts'

/** Every InferenceObjective of a pool that is there, by the objective's `namespace/name`. */
export function compileObjectives(
  declarations: readonly Declaration[],
  pools: ReadonlyMap<string, Pool>,
  problems: Problem[],
): ReadonlyMap<string, Objective> {
  const objectives = new Map<string, Objective>()
  for (const objective of declarations) {
    if (objective.kind !== 'objective' || findPool(objective, pools, problems) === undefined) continue
    const { id: source, key, poolKey, priority } = objective
    objectives.set(key, { source, poolKey, priority })
  }
  return objectives
}

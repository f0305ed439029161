import { compileBaseModels } from './base-models.ts'
import type { Catalog, ModelRoute, Pool } from './catalog.ts'
import type { Declaration } from './declaration.ts'
import { problemAt } from './fields.ts'
import { compileModels } from './models.ts'
import { type Problem, sayKept } from './problem.ts'
import { kindOf, readResource } from './read.ts'
import type { ReadOptions } from './readers.ts'
import { identify, isObject, type Resource } from './resource.ts'

export type CompileOptions = Partial<ReadOptions> & {
  /** Leaves out all other pools and their models, without a word. */
  readonly onlyPool?: { readonly namespace: string; readonly name: string } | undefined
  /** `accepted` of the compilation before: a resource that has become invalid since stays as it was. */
  readonly lastGood?: Accepted
}

/** The declarations that a catalog was compiled from, by their id. */
export type Accepted = ReadonlyMap<string, Declaration>

export type Compiled = {
  readonly catalog: Catalog
  readonly accepted: Accepted
  readonly problems: readonly Problem[]
}

/**
 * Compiles resources into a catalog. Never fails: what can't be used is left out and named in `problems`. Where nothing
 * else decides, the resource that comes first in `resources` wins.
 */
export function compileCatalog(resources: readonly Resource[], options: CompileOptions = {}): Compiled {
  const { defaultNamespace = 'default', unknownFields = 'warning', onlyPool, lastGood = new Map() } = options
  const problems: Problem[] = []
  const wanted = resources.filter((resource) => {
    const pool = poolOf(resource, defaultNamespace)
    return onlyPool === undefined || pool === undefined || pool === `${onlyPool.namespace}/${onlyPool.name}`
  })
  const accepted = accept(wanted, { defaultNamespace, unknownFields }, lastGood, problems)
  const declarations = [...accepted.values()].toSorted(oldestFirst)

  const pools = new Map<string, Pool>()
  for (const declaration of declarations) {
    if (declaration.kind === 'pool') pools.set(declaration.pool.key, declaration.pool)
  }
  const models = compileModels(declarations, pools, problems)
  const baseModels = compileBaseModels(declarations, problems)
  return { catalog: { pools, models, baseModels, headerNames: headerNamesOf(models) }, accepted, problems }
}

/** The pool that a resource is, or that the model belongs to, as far as it says: `namespace/name`. */
function poolOf(resource: Resource, defaultNamespace: string): string | undefined {
  const kind = kindOf(resource)
  const key = identify(resource, defaultNamespace)?.split(' ')[1]
  if (kind === 'pool') return key
  const { spec } = resource.object
  const poolRef = kind === 'model' && isObject(spec) ? spec.poolRef : undefined
  if (key === undefined || !isObject(poolRef) || typeof poolRef.name !== 'string') return undefined
  return `${key.split('/')[0]}/${poolRef.name}`
}

/** One declaration for each id: a valid one, or the last good one where all are invalid now. */
function accept(
  resources: readonly Resource[],
  options: ReadOptions,
  lastGood: Accepted,
  problems: Problem[],
): Map<string, Declaration> {
  const readings = resources.map((resource) => ({
    id: identify(resource, options.defaultNamespace),
    ...readResource(resource, options),
  }))
  const valid = new Map<string, Declaration>()
  for (const { declaration } of readings) {
    if (declaration === undefined) continue
    const rival = valid.get(declaration.id)
    if (rival === undefined) valid.set(declaration.id, declaration)
    else valid.set(declaration.id, settle(rival, declaration, problems))
  }
  // Goes through the readings again, so that a kept declaration takes the place of its invalid successor.
  const accepted = new Map<string, Declaration>()
  for (const { id, declaration, problems: found } of readings) {
    const isInvalid = declaration === undefined && found.length > 0
    const kept = isInvalid && id !== undefined && !valid.has(id) ? lastGood.get(id) : undefined
    const used = id === undefined ? undefined : (valid.get(id) ?? kept)
    if (used !== undefined) accepted.set(used.id, used)
    problems.push(...(kept === undefined ? found : found.map(sayKept)))
  }
  return accepted
}

/** Two valid resources of one name: returns the one to use. */
function settle(first: Declaration, second: Declaration, problems: Problem[]): Declaration {
  if (first.kind === 'pool' && second.kind === 'pool' && first.apiVersion !== second.apiVersion) {
    const [winner, loser] = first.apiVersion === poolV1 ? [first, second] : [second, first]
    const message = `${winner.id} is also given as ${winner.apiVersion} at ${winner.origin.place([])}, which wins`
    problems.push(problemAt(loser.origin, ['apiVersion'], message, 'warning'))
    return winner
  }
  const message = `${first.id} is already given at ${first.origin.place([])}, which is used`
  problems.push(problemAt(second.origin, ['metadata', 'name'], message))
  return first
}

const poolV1 = 'inference.networking.k8s.io/v1'

/** toSorted is stable: of one age, the first that was read stays first. */
function oldestFirst(a: Declaration, b: Declaration): number {
  if (a.createdAtMs === b.createdAtMs) return 0
  return a.createdAtMs < b.createdAtMs ? -1 : 1
}

function headerNamesOf(models: ReadonlyMap<string, ModelRoute>): readonly string[] {
  const rules = [...models.values()].flatMap((route) => route.rules)
  const names = rules.flatMap(({ stickyBy }) => (stickyBy?.kind === 'header' ? [stickyBy.name] : []))
  return [...new Set(names)].sort()
}

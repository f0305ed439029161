import { compileBaseModels } from './base-models.ts'
import { apiKeyHeaders, type Catalog, type Pool, type StickyKey, type TargetSplit } from './catalog.ts'
import { byAge, type Declaration } from './declaration.ts'
import { problemAt } from './fields.ts'
import { readModelRoutes } from './model-routes.ts'
import { compileModels } from './models.ts'
import { compileObjectives } from './objectives.ts'
import { compilePoolsByName } from './pools-by-name.ts'
import { type Problem, sayKept } from './problem.ts'
import { kindOf, readResource } from './read.ts'
import type { ReadOptions } from './readers.ts'
import { identify, isObject, type Resource } from './resource.ts'
import { compileRewrites } from './rewrites.ts'
import { keepStates } from './rollout-states.ts'
import { findRollouts } from './rollouts.ts'
import { splitsOf } from './splits.ts'

export type CompileOptions = Partial<ReadOptions> & {
  /** Leaves out all other pools and what refers to them, without a word. */
  readonly onlyPool?: { readonly namespace: string; readonly name: string } | undefined
  /** How bad it is when nothing says how far a target is rolled out; where nobody writes that, as in a repository, it is as it should be. */
  readonly missingStates?: 'ignore' | Problem['severity']
  /**
   * The compilation before: a resource that has become invalid since stays as it was, and one that is the same object is not
   * read again.
   */
  readonly previous?: Compiled | undefined
}

/** The declarations that a catalog was compiled from, by their id. */
export type Accepted = ReadonlyMap<string, Declaration>

/** What a resource was found to say, and its {@link identify id}. */
type Reading = ReturnType<typeof readResource> & { readonly id: string | undefined }
type Readings = ReadonlyMap<Resource, Reading>

export type Compiled = {
  readonly catalog: Catalog
  readonly accepted: Accepted
  readonly readings: Readings
  readonly problems: readonly Problem[]
}

/**
 * Compiles resources into a catalog. Never fails: what can't be used is left out and named in `problems`. Where nothing
 * else decides, the resource that comes first in `resources` wins.
 */
export function compileCatalog(resources: readonly Resource[], options: CompileOptions = {}): Compiled {
  const {
    defaultNamespace = 'default',
    unknownFields = 'warning',
    onlyPool,
    missingStates = 'warning',
    previous,
  } = options
  const problems: Problem[] = []
  const wanted = resources.filter((resource) => {
    if (onlyPool === undefined) return true
    const pool = poolOf(resource, defaultNamespace)
    return pool === undefined || pool === `${onlyPool.namespace}/${onlyPool.name}`
  })
  const readOptions = { defaultNamespace, unknownFields }
  const read = (resource: Resource): Reading => {
    return { id: identify(resource, defaultNamespace), ...readResource(resource, readOptions) }
  }
  const readings: Readings = new Map(
    wanted.map((resource) => [resource, previous?.readings.get(resource) ?? read(resource)]),
  )
  const accepted = accept([...readings.values()], previous?.accepted, problems)
  const declarations = [...accepted.values()].toSorted(byAge)

  const pools = new Map<string, Pool>()
  for (const declaration of declarations) {
    if (declaration.kind === 'pool') pools.set(declaration.pool.key, declaration.pool)
  }
  const routes = readModelRoutes(declarations)
  const rolloutOf = findRollouts(declarations, missingStates, problems)
  const models = compileModels(declarations, pools, routes, rolloutOf, problems)
  const rewrites = compileRewrites(declarations, pools, rolloutOf, problems)
  const poolsByName = compilePoolsByName(rewrites, pools, routes)
  const objectives = compileObjectives(declarations, pools, problems)
  const baseModels = compileBaseModels(declarations, problems)
  const headerNames = headerNamesOf([...splitsOf({ models, rewrites })])
  return {
    catalog: {
      pools,
      models,
      rewrites,
      poolsByName,
      servedElsewhere: routes.namesElsewhere,
      objectives,
      baseModels,
      headerNames,
    },
    accepted,
    readings,
    problems,
  }
}

/** The pool that a resource is, or refers to, as far as it says: `namespace/name`. */
function poolOf(resource: Resource, defaultNamespace: string): string | undefined {
  const kind = kindOf(resource)
  const key = identify(resource, defaultNamespace)?.split(' ')[1]
  if (kind === 'pool') return key
  const { spec } = resource.object
  const refersToPool = kind === 'model' || kind === 'objective' || kind === 'rewrite'
  const poolRef = refersToPool && isObject(spec) ? spec.poolRef : undefined
  if (key === undefined || !isObject(poolRef) || typeof poolRef.name !== 'string') return undefined
  return `${key.split('/')[0]}/${poolRef.name}`
}

/** One declaration for each id: a valid one, or the last good one where all are invalid now. */
function accept(
  readings: readonly Reading[],
  lastGood: Accepted | undefined,
  problems: Problem[],
): Map<string, Declaration> {
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
    const kept = isInvalid && id !== undefined && !valid.has(id) ? lastGood?.get(id) : undefined
    const used = id === undefined ? undefined : (valid.get(id) ?? kept)
    if (used !== undefined) accepted.set(used.id, withStates(used, lastGood))
    problems.push(...(kept === undefined ? found : found.map(sayKept)))
  }
  return accepted
}

/** What can't be read of the states of rollouts stays as it was, entry by entry. */
function withStates(declaration: Declaration, lastGood: Accepted | undefined): Declaration {
  if (declaration.kind !== 'rollouts') return declaration
  const before = lastGood?.get(declaration.id)
  return keepStates(declaration, before?.kind === 'rollouts' ? before : undefined)
}

/** Two valid resources of one name: returns the one to use. */
function settle(first: Declaration, second: Declaration, problems: Problem[]): Declaration {
  // A route has both of its versions for good: no move from one to the other.
  if (first.kind !== 'route' && first.apiVersion !== second.apiVersion) {
    const [winner, loser] = successors.includes(first.apiVersion) ? [first, second] : [second, first]
    const message = `${winner.id} is also given as ${winner.apiVersion} at ${winner.origin.place([])}, which wins`
    problems.push(problemAt(loser.origin, ['apiVersion'], message, 'warning'))
    return winner
  }
  const message = `${first.id} is already given at ${first.origin.place([])}, which is used`
  problems.push(problemAt(second.origin, ['metadata', 'name'], message))
  return first
}

/** Where pools (v1), objectives and rewrites have moved to from inference.networking.x-k8s.io. */
const successors = ['inference.networking.k8s.io/v1', 'llm-d.ai/v1alpha2']

function headerNamesOf(splits: readonly TargetSplit[]): readonly string[] {
  return [...new Set(splits.flatMap(({ stickyBy }) => headersOf(stickyBy)))].sort()
}

function headersOf(key: StickyKey | undefined): readonly string[] {
  if (key?.kind === 'header') return [key.name]
  return key?.kind === 'api-key' ? apiKeyHeaders : []
}

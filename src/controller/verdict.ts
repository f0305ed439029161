import type { Catalog, Pool } from '../catalog/catalog.ts'
import type { Accepted, Compiled } from '../catalog/compile.ts'
import { type Declaration, type ModelDeclaration, type RewriteDeclaration, whyFirst } from '../catalog/declaration.ts'
import type { Problem } from '../catalog/problem.ts'
import type { Resource } from '../catalog/resource.ts'

/**
 * What serving makes of an InferenceModel, InferenceObjective or InferenceModelRewrite. The reasons are those of the API
 * (`Accepted`, `ModelNameInUse`) and, where it has none, those of policies in the Gateway API.
 */
export type Verdict = {
  readonly reason:
    | 'Accepted'
    /** An older InferenceModel has the name in the pool. */
    | 'ModelNameInUse'
    /** Another resource goes before it in all that it says. */
    | 'Conflicted'
    /** There is no such pool. */
    | 'TargetNotFound'
    /** It can't be used as it is. */
    | 'Invalid'
  /** For people. */
  readonly message: string
}

/** The verdict on every model, objective and rewrite that a catalog was compiled from. */
export function judge({ readings, accepted, catalog }: Compiled): ReadonlyMap<Resource, Verdict> {
  const verdicts = new Map<Resource, Verdict>()
  for (const [resource, { declaration, problems }] of readings) {
    if (!isJudged(resource)) continue
    verdicts.set(
      resource,
      declaration === undefined ? invalid(problems) : judgeDeclared(declaration, accepted, catalog),
    )
  }
  return verdicts
}

const judgedKinds = ['InferenceModel', 'InferenceObjective', 'InferenceModelRewrite']

const isJudged = ({ kind }: Resource): boolean => judgedKinds.includes(kind)

function invalid(problems: readonly Problem[]): Verdict {
  const errors = problems.filter(({ severity }) => severity === 'error')
  return { reason: 'Invalid', message: errors.map(({ path, message }) => `${path}: ${message}`).join('; ') }
}

function judgeDeclared(declaration: Declaration, accepted: Accepted, catalog: Catalog): Verdict {
  const used = accepted.get(declaration.id)
  if (used !== undefined && used !== declaration) {
    return { reason: 'Conflicted', message: `the ${used.id} of ${used.apiVersion} is used instead` }
  }
  switch (declaration.kind) {
    case 'model':
      return withPool(declaration, catalog, (pool) => judgeModel(declaration, pool, accepted, catalog))
    case 'objective':
      return withPool(declaration, catalog, acceptedIn)
    case 'rewrite':
      return withPool(declaration, catalog, (pool) => judgeRewrite(declaration, pool, accepted, catalog))
    case 'pool':
    case 'route':
    case 'adapters':
    case 'rollouts':
      throw new Error(`${declaration.id} has no verdict`)
  }
}

const acceptedIn = (pool: Pool): Verdict => ({ reason: 'Accepted', message: `in use in InferencePool ${pool.key}` })

function withPool(
  { poolKey }: { readonly poolKey: string },
  { pools }: Catalog,
  judgeIn: (pool: Pool) => Verdict,
): Verdict {
  const pool = pools.get(poolKey)
  if (pool !== undefined) return judgeIn(pool)
  return { reason: 'TargetNotFound', message: `there is no valid InferencePool ${poolKey}` }
}

function judgeModel(model: ModelDeclaration, pool: Pool, accepted: Accepted, { models }: Catalog): Verdict {
  const rule = models.get(model.modelName)?.rules.find((each) => each.pool === pool)
  if (rule === undefined || rule.source === model.id) return acceptedIn(pool)
  const why = whyFirst(accepted.get(rule.source)!, model)
  const message = `${rule.source} has the model name ${JSON.stringify(model.modelName)} in InferencePool ${pool.key} and ${why}`
  return { reason: 'ModelNameInUse', message }
}

/** Accepted as long as one of its rules applies; the message names what never does. */
function judgeRewrite(rewrite: RewriteDeclaration, pool: Pool, accepted: Accepted, { rewrites }: Catalog): Verdict {
  const applied = rewrites.get(pool.key)
  let applies = 0
  const lost: string[] = []
  for (const [index, { models, targets }] of rewrite.rules.entries()) {
    const claims = models.length === 0 ? [undefined] : models
    for (const model of claims) {
      const rule = model === undefined ? applied?.generic : applied?.exact.get(model)
      if (rule === undefined || rule.targets === targets) {
        applies += 1
        continue
      }
      const what = model === undefined ? 'every other model' : JSON.stringify(model)
      const why =
        rule.source === rewrite.id
          ? 'an earlier rule'
          : `${rule.source}, which ${whyOf(rule.source, rewrite, accepted)}`
      lost.push(`spec.rules[${index}] never applies to ${what}, because of ${why}`)
    }
  }
  const message = lost.join('; ')
  if (applies === 0 && lost.length > 0) return { reason: 'Conflicted', message }
  if (lost.length === 0) return acceptedIn(pool)
  return { reason: 'Accepted', message: `${acceptedIn(pool).message}; ${message}` }
}

const whyOf = (source: string, loser: RewriteDeclaration, accepted: Accepted): string =>
  whyFirst(accepted.get(source)!, loser)

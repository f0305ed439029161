import type { Catalog, ModelRule, RewriteRule } from './catalog.ts'

/** Every division of requests among target models, of InferenceModels and InferenceModelRewrites. */
export function* splitsOf({
  models,
  rewrites,
}: Pick<Catalog, 'models' | 'rewrites'>): Generator<ModelRule | RewriteRule> {
  for (const { rules } of models.values()) yield* rules
  for (const { exact, generic } of rewrites.values()) {
    yield* exact.values()
    if (generic !== undefined) yield generic
  }
}

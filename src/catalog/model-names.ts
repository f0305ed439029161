import type { Catalog } from './catalog.ts'

/**
 * Whether the catalog knows what to do with a model name: an InferenceModel or an exact match of an InferenceModelRewrite
 * has it, an HTTPRoute leads it to a pool, or a ConfigMap names it as adapter or base model.
 */
export function isModelName(catalog: Catalog, name: string): boolean {
  return catalog.models.has(name) || catalog.poolsByName.has(name) || catalog.baseModels.has(name)
}

/** Every name that {@link isModelName} is true for, in order. */
export function modelNames(catalog: Catalog): readonly string[] {
  let names = namesOf.get(catalog)
  if (names === undefined) {
    const { models, poolsByName, baseModels } = catalog
    names = [...new Set([...models.keys(), ...poolsByName.keys(), ...baseModels.keys()])].sort()
    namesOf.set(catalog, names)
  }
  return names
}

const namesOf = new WeakMap<Catalog, readonly string[]>()

import type { Catalog } from '../catalog/catalog.ts'
import { splitsOf } from '../catalog/splits.ts'

/** Whether a resource names the model, as a model, as an adapter or its base, or as a target: metrics always tell it apart. */
export function namesModel(catalog: Catalog, name: string): boolean {
  let names = namesOf.get(catalog)
  if (names === undefined) {
    names = new Set(resourceNames(catalog))
    namesOf.set(catalog, names)
  }
  return names.has(name)
}

const namesOf = new WeakMap<Catalog, ReadonlySet<string>>()

function* resourceNames(catalog: Catalog): Generator<string> {
  const { models, poolsByName, baseModels } = catalog
  yield* models.keys()
  yield* poolsByName.keys()
  for (const { targets } of splitsOf(catalog)) for (const { name } of targets) yield name
  for (const [adapter, base] of baseModels) {
    yield adapter
    yield base
  }
}

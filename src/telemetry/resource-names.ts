import type { Catalog, TargetSplit } from '../catalog/catalog.ts'

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

function* resourceNames({ models, rewrites, poolsByName, baseModels }: Catalog): Generator<string> {
  for (const [model, { rules }] of models) {
    yield model
    for (const rule of rules) yield* targetNames(rule)
  }
  yield* poolsByName.keys()
  for (const { exact, generic } of rewrites.values()) {
    for (const rule of exact.values()) yield* targetNames(rule)
    if (generic !== undefined) yield* targetNames(generic)
  }
  for (const [adapter, base] of baseModels) {
    yield adapter
    yield base
  }
}

function* targetNames({ targets }: TargetSplit): Generator<string> {
  for (const { name } of targets) yield name
}

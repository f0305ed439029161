import { type AdapterDeclaration, type Declaration, whyFirst } from './declaration.ts'
import { problemAt } from './fields.ts'
import type { Problem } from './problem.ts'

/**
 * Adapter → base model, and each base model → itself. A name that is both is an adapter. An adapter that several
 * ConfigMaps claim for different base models belongs to the first of `declarations`.
 */
export function compileBaseModels(
  declarations: readonly Declaration[],
  problems: Problem[],
): ReadonlyMap<string, string> {
  const owners = new Map<string, AdapterDeclaration>()
  for (const declaration of declarations) {
    if (declaration.kind !== 'adapters') continue
    for (const adapter of declaration.adapters) {
      const owner = owners.get(adapter)
      if (owner === undefined) owners.set(adapter, declaration)
      else if (owner.baseModel !== declaration.baseModel) problems.push(claimedTwice(adapter, owner, declaration))
    }
  }
  const baseModels = new Map<string, string>()
  for (const declaration of declarations) {
    if (declaration.kind === 'adapters') baseModels.set(declaration.baseModel, declaration.baseModel)
  }
  for (const [adapter, { baseModel }] of owners) baseModels.set(adapter, baseModel)
  return baseModels
}

function claimedTwice(adapter: string, owner: AdapterDeclaration, loser: AdapterDeclaration): Problem {
  const claim = `${owner.id} gives adapter ${JSON.stringify(adapter)} the base model ${JSON.stringify(owner.baseModel)}`
  return problemAt(loser.origin, ['data', 'adapters'], `${claim} and ${whyFirst(owner, loser)}`, 'warning')
}

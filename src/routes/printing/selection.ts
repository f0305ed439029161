import { didYouMean } from '../../catalog/nearest.ts'

/** What `--only` asks for: all of a kind, or one name, or that name in one namespace. */
export type Selector = { readonly kind: string; readonly namespace?: string; readonly name?: string }

type Named = { readonly kind: string; readonly metadata: { readonly name: string; readonly namespace?: string } }

/** `kind`, `kind/name` or `kind/namespace/name`; undefined for anything else. Kinds are told apart as kubectl does, in any case. */
export function parseSelector(text: string): Selector | undefined {
  const parts = text.split('/')
  if (parts.length > 3 || parts.includes('')) return undefined
  const [kind, ...rest] = parts
  const [namespace, name] = rest.length === 2 ? rest : [undefined, ...rest]
  return {
    kind: kind.toLowerCase(),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
  }
}

export function isSelected(selectors: readonly Selector[], { kind, metadata }: Named): boolean {
  return selectors.some(
    (selector) =>
      selector.kind === kind.toLowerCase() &&
      (selector.namespace ?? metadata.namespace) === metadata.namespace &&
      (selector.name ?? metadata.name) === metadata.name,
  )
}

/** Why nothing was selected: a line that names what is near, or there. */
export function describeChoice(selectors: readonly Selector[], documents: readonly Named[]): string {
  const asked = selectors.map(({ kind, namespace, name }) => [kind, namespace, name].filter((part) => part).join('/'))
  const there = [...new Set(documents.map(({ kind, metadata }) => `${kind}/${metadata.namespace}/${metadata.name}`))]
  const shown = there.slice(0, maxShown).join(', ')
  const more = there.length > maxShown ? ` and ${there.length - maxShown} more` : ''
  const kinds = [...new Set(documents.map(({ kind }) => kind))]
  const hint = asked.map((each) => didYouMean(each, each.includes('/') ? there : kinds)).join('')
  return `nothing is ${asked.join(' or ')}${hint}; there ${there.length === 0 ? 'is nothing at all' : `is ${shown}${more}`}`
}

const maxShown = 20

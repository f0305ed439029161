import { type Entry, groupOf } from './entry.ts'
import type { PolicySpec } from './schema.ts'

/** What policies attach to: an object, or a named part of it (a listener of a Gateway, a rule of a route). */
export type Target = { readonly entry: Entry<unknown>; readonly sectionName: string | undefined }

/** Those of `candidates` that a policy names or selects. It does so within its namespace. */
export function targetsOf(
  policy: Entry<{ readonly spec: PolicySpec }>,
  candidates: readonly Entry<unknown>[],
): Target[] {
  const { targetRef, targetRefs, targetSelectors } = policy.value.spec
  const references = targetRef === undefined ? targetRefs : [targetRef, ...targetRefs]
  return candidates.flatMap((entry): Target[] => {
    if (entry.namespace !== policy.namespace) return []
    const { kind } = entry.resource
    const named = references
      .filter((each) => each.group === groupOf(entry.resource) && each.kind === kind && each.name === entry.name)
      .map(({ sectionName }) => ({ entry, sectionName }))
    const isSelected = targetSelectors.some((each) => each.kind === kind && selects(each, entry.labels))
    return isSelected ? [...named, { entry, sectionName: undefined }] : named
  })
}

function selects(
  { matchLabels, matchExpressions }: PolicySpec['targetSelectors'][number],
  labels: Readonly<Record<string, string>>,
): boolean {
  const hasAll = Object.entries(matchLabels).every(([label, value]) => labels[label] === value)
  return (
    hasAll &&
    matchExpressions.every(({ key, operator, values }) => {
      switch (operator) {
        case 'In':
          return labels[key] !== undefined && values.includes(labels[key])
        case 'NotIn':
          return labels[key] === undefined || !values.includes(labels[key])
        case 'Exists':
          return labels[key] !== undefined
        default:
          return labels[key] === undefined
      }
    })
  )
}

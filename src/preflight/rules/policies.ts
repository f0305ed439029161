import type { Entry } from '../entry.ts'
import type { PolicyEntry, PolicyKind } from '../inventory.ts'
import type { Found, Rule } from '../rule.ts'

const kinds: readonly PolicyKind[] = ['EnvoyExtensionPolicy', 'ClientTrafficPolicy', 'BackendTrafficPolicy']

/** Envoy Gateway lets one policy of a kind attach to a target, and says so in the status of the others. */
const conflictingPolicies: Rule = {
  id: 'conflicting-policies',
  severity: 'error',
  *find({ policies }) {
    for (const kind of kinds) yield* findConflicts(kind, policies[kind])
  },
}

function* findConflicts(kind: PolicyKind, policies: readonly PolicyEntry[]): Generator<Found> {
  const winners = new Map<Entry<unknown>, Map<string | undefined, PolicyEntry>>()
  for (const policy of policies) {
    for (const { entry, sectionName } of policy.targets) {
      const bySection = winners.get(entry) ?? new Map<string | undefined, PolicyEntry>()
      winners.set(entry, bySection)
      const winner = bySection.get(sectionName)
      if (winner === undefined) bySection.set(sectionName, policy)
      else if (winner !== policy) {
        const section = sectionName === undefined ? '' : ` (${sectionName})`
        yield {
          entry: policy,
          path: ['spec'],
          message: `counts for nothing at ${entry.resource.kind} ${entry.key}${section}, where ${kind} ${winner.key} is: of one kind the older policy counts, then the one whose name comes first`,
          remedy: 'put both into one policy',
        }
      }
    }
  }
}

export const policyRules = [conflictingPolicies]

import { problemAt } from '../catalog/fields.ts'
import { identify } from '../catalog/resource.ts'
import type { Finding } from './finding.ts'
import { type Known, takeInventory } from './inventory.ts'
import { survey } from './picker.ts'
import type { Rule } from './rule.ts'
import { aiGatewayRules } from './rules/ai-gateway.ts'
import { backendTrafficRules } from './rules/backend-traffic.ts'
import { clientTrafficRules } from './rules/client-traffic.ts'
import { extProcRules } from './rules/ext-proc.ts'
import { policyRules } from './rules/policies.ts'
import { poolRules } from './rules/pools.ts'
import { rolloutRules } from './rules/rollouts.ts'
import { routeRules } from './rules/routes.ts'

/** The traps that are known; docs/check.md has a row for each. */
export const rules: readonly Rule[] = [
  ...extProcRules,
  ...clientTrafficRules,
  ...backendTrafficRules,
  ...policyRules,
  ...routeRules,
  ...poolRules,
  ...rolloutRules,
  ...aiGatewayRules,
]

/** Looks for every trap. What several requests fall into at one place is told once. */
export function findTraps(known: Known): Finding[] {
  return locateTraps(known).map(({ finding }) => finding)
}

/** The same, each with the object where it is to be mended: `HTTPRoute default/models`. */
export function locateTraps(known: Known): { readonly resource: string; readonly finding: Finding }[] {
  const surveyed = survey(takeInventory(known))
  const found = new Map<string, { readonly resource: string; readonly finding: Finding }>()
  for (const { id, severity, find } of rules) {
    for (const { entry, path, message, remedy } of find(surveyed)) {
      const problem = problemAt(entry.resource.origin, path, message, severity)
      const key = JSON.stringify([id, problem.place, problem.path, message])
      const resource = identify(entry.resource, 'default') ?? entry.resource.kind
      if (!found.has(key)) found.set(key, { resource, finding: { ...problem, id, remedy } })
    }
  }
  return [...found.values()]
}

import { keyOf } from '../../kubernetes/object.ts'
import { byAge } from '../precedence.ts'
import type { AimDecision } from './decide.ts'

/**
 * Services whose derived names an older one has, with a message that names it. Only services with routing off have none.
 * Two HTTPRoute names are never the same where the InferenceService names differ, as those are cut shorter.
 */
export function findNameCollisions(decisions: readonly AimDecision[]): ReadonlyMap<AimDecision, string> {
  const collisions = new Map<AimDecision, string>()
  const routed = decisions.filter(({ outcome }) => outcome.kind !== 'off')
  const groups = Map.groupBy(routed, ({ names }) => names.inferenceServiceKey)
  for (const group of groups.values()) {
    if (group.length === 1) continue
    const [oldest, ...others] = group.sort((a, b) => byAge(a.service, b.service))
    const routeHolders = new Map([[oldest.names.httpRoute, oldest]])
    for (const decision of others) {
      const { httpRoute, inferenceService } = decision.names
      const holder = routeHolders.get(httpRoute)
      const taken: string[] = []
      if (holder === undefined) routeHolders.set(httpRoute, decision)
      else taken.push(describeTaken('HTTPRoute', httpRoute, holder))
      if (holder !== oldest) taken.push(describeTaken('InferenceService', inferenceService, oldest))
      collisions.set(decision, taken.join('; '))
    }
  }
  return collisions
}

function describeTaken(kind: string, name: string, { service }: AimDecision): string {
  return `the name ${name} of the ${kind} is taken by ${keyOf(service)}`
}

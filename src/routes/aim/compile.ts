import { type KubeObject, keyOf } from '../../kubernetes/object.ts'
import type { CompiledService, Generated, ServiceCondition, ServiceProblem } from '../compiled.ts'
import { Memory } from '../memory.ts'
import { type Claim, findRoutingConflicts } from './conflicts.ts'
import { type AimDecision, failure } from './decide.ts'
import { findNameCollisions } from './name-collisions.ts'
import { describeOtherController, judgeRoute } from './status.ts'

/**
 * Adds to decisions what depends on other services and on the HTTPRoutes that are observed: who has a name, who has a path, and
 * what the Gateway says.
 * @param httpRoutes by `namespace/name`
 * @param memory of what was made before: as long as nothing is new of a service, its result is the same object
 * @returns in the order of the decisions
 */
export function compileAimServices(
  decisions: readonly AimDecision[],
  httpRoutes: ReadonlyMap<string, KubeObject>,
  memory = new Memory<CompiledService>(),
): readonly CompiledService[] {
  const collisions = findNameCollisions(decisions)
  const results = decisions.map((decision) => {
    const result = compileOne(decision, collisions.get(decision), httpRoutes.get(decision.names.httpRouteKey))
    if ('gateway' in result) return result
    const { service, problem } = result
    return memory.get(keyOf(service), [decision, problem?.message], () => result)
  })
  const conflicts = findRoutingConflicts(results.filter((result) => 'gateway' in result))
  return results.map((result) => {
    if (!('gateway' in result)) return result
    const { service, decision, observed } = result
    const conflict = conflicts.get(result)
    const inputs = [decision, observed, conflict?.reason, conflict?.message]
    return memory.get(keyOf(service), inputs, () => asRouted(result, conflict))
  })
}

/** A service that gets a route. */
type Routed = Claim & {
  readonly decision: AimDecision
  readonly route: Generated
  readonly observed: KubeObject | undefined
}

function compileOne(
  decision: AimDecision,
  collision: string | undefined,
  observed: KubeObject | undefined,
): CompiledService | Routed {
  const { service, outcome, conditions, settings } = decision
  switch (outcome.kind) {
    case 'off':
      return { service, objects: [], others: 'delete', status: { conditions }, problem: undefined, settings }
    case 'problem':
      return { service, objects: [], others: 'keep', status: { conditions }, problem: outcome.problem, settings }
    case 'route': {
      const taken = collision ?? (observed === undefined ? undefined : describeOtherController(observed, service))
      return taken === undefined ? { ...outcome, service, decision, observed } : asCollided(decision, taken)
    }
  }
}

function asCollided({ service, conditions, settings }: AimDecision, message: string): CompiledService {
  const problem: ServiceProblem = {
    reason: 'NameCollision',
    message,
    at: { object: service, path: ['metadata', 'name'] },
  }
  const status = { conditions: [...conditions, failure('HTTPRouteReady', problem)] }
  return { service, objects: [], others: 'keep', status, problem, settings }
}

function asRouted(
  { service, decision, route, gateway, path, observed }: Routed,
  conflict: ServiceCondition | undefined,
): CompiledService {
  const conditions = [...decision.conditions, judgeRoute(observed, gateway)]
  if (conflict !== undefined) conditions.push(conflict)
  return {
    service,
    objects: [route],
    others: 'delete',
    status: { routing: { path }, conditions },
    problem: undefined,
    settings: decision.settings,
  }
}

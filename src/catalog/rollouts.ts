import { type DeclaredRollout, rolloutAnnotations } from '../rollout/plan.ts'
import { shareOut, wholePercent } from '../rollout/share.ts'
import { type RolloutState, rolloutsName } from '../rollout/state.ts'
import type { TargetModel, TargetRollout, TargetSplit } from './catalog.ts'
import type { Declaration, Declared } from './declaration.ts'
import { problemAt } from './fields.ts'
import { sum } from './model-routes.ts'
import type { Problem } from './problem.ts'

/** How far the target of a resource is rolled out; undefined where nothing is. */
export type FindRollout = (
  declaration: Declared & { readonly rollout: DeclaredRollout | undefined },
) => TargetRollout | undefined

/** @param missingStates how bad it is when nothing says how far a target is rolled out; it gets no requests then */
export function findRollouts(
  declarations: readonly Declaration[],
  missingStates: 'ignore' | Problem['severity'],
  problems: Problem[],
): FindRollout {
  const states = new Map<string, RolloutState>()
  for (const declaration of declarations) {
    if (declaration.kind !== 'rollouts') continue
    for (const [id, state] of declaration.states) states.set(id, state)
  }
  return ({ id, origin, rollout }) => {
    if (rollout === undefined) return undefined
    const { target, plan } = rollout
    const state = states.get(id)
    if (state?.target === target) {
      const { weightPercent, phase, step, message } = state
      return { resource: id, target, plan, weightPercent, phase, step, message }
    }
    if (missingStates !== 'ignore') {
      const path = ['metadata', 'annotations', rolloutAnnotations.steps]
      problems.push(problemAt(origin, path, withoutState(id, target, state), missingStates))
    }
    return { resource: id, target, plan, weightPercent: 0, phase: undefined, step: undefined, message: undefined }
  }
}

function withoutState(id: string, target: string, state: RolloutState | undefined): string {
  const namespace = id.slice(id.indexOf(' ') + 1, id.indexOf('/'))
  const found = state === undefined ? 'has no state of it yet' : `has the state of ${JSON.stringify(state.target)}`
  const remedy = 'see that `signalbox controller` runs, or `signalbox rollout drive` for files'
  return `${JSON.stringify(target)} gets no requests: ConfigMap ${namespace}/${rolloutsName} ${found}; ${remedy}`
}

/** How requests are divided among `targets`, one of which may be on its way. */
export function weigh(
  targets: readonly TargetModel[],
  rollout: TargetRollout | undefined,
): Pick<TargetSplit, 'targets' | 'totalWeight' | 'rollout'> {
  const shared = rollout && shareOut(targets, rollout.target, rollout.weightPercent)
  if (shared !== undefined) return { targets: shared, totalWeight: wholePercent, rollout }
  return { targets, totalWeight: sum(targets.map(({ weight }) => weight)), rollout: undefined }
}

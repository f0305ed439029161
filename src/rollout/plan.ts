import { durationMs } from '../scheduling/go-duration.ts'
import { defaultLimits, parseLimits, type RolloutLimits } from './limits.ts'

/** What a target model gets, step by step, and when it has to go: the annotations of an InferenceModel or InferenceModelRewrite. */
export type RolloutPlan = {
  /** At least one; each has a larger weight than the one before. */
  readonly steps: readonly RolloutStep[]
  /** Name of the target model that is rolled out; all others are the stable ones. */
  readonly target: string
  readonly limits: RolloutLimits
  /** What people ask for; undefined: it runs. */
  readonly state: 'paused' | 'aborted' | undefined
  /** With another text than before, the rollout begins anew. */
  readonly restartedAt: string | undefined
}

export type RolloutStep = {
  /** Share of the requests that the target gets: more than 0, at most 100. */
  readonly weightPercent: number
  /** How long the step lasts before the next one, or before the rollout is complete; 0 in the last step that has no time. */
  readonly forMs: number
}

/** What a resource says of a rollout. */
export type DeclaredRollout = {
  readonly target: string
  /** Undefined while the annotations can't be read: the weight of the target stays as it is. */
  readonly plan: RolloutPlan | undefined
}

/** Something wrong with an annotation, for people to read. */
export type AnnotationProblem = {
  readonly annotation: string
  /** What was found and what is allowed. */
  readonly message: string
  /**
   * What comes of it: the annotation has `no effect`; the weight of the target is `held` where it is; or nobody can tell which target
   * is the new one, and the resource is `unusable`, as any division of its requests could be the wrong one.
   */
  readonly effect: 'no effect' | 'held' | 'unusable'
}

export const rolloutAnnotations = {
  steps: 'signalbox.dev/rollout-steps',
  target: 'signalbox.dev/rollout-target',
  limits: 'signalbox.dev/rollout-limits',
  state: 'signalbox.dev/rollout-state',
  restartedAt: 'signalbox.dev/rollout-restarted-at',
} as const

type Annotations = Readonly<Record<string, string>>

/**
 * Reads what annotations say of a rollout. Without the one that gives the steps there is none.
 * @param splits names of the target models, of each list of them that the resource has
 */
export function readPlan(
  annotations: Annotations,
  splits: readonly (readonly string[])[],
): { readonly rollout: DeclaredRollout | undefined; readonly problems: readonly AnnotationProblem[] } {
  if (annotations[rolloutAnnotations.steps] === undefined) {
    const others = Object.values(rolloutAnnotations).filter((name) => annotations[name] !== undefined)
    const message = `without effect: there is no ${rolloutAnnotations.steps}`
    return { rollout: undefined, problems: others.map((annotation) => ({ annotation, message, effect: 'no effect' })) }
  }
  const named = annotations[rolloutAnnotations.target]
  const names = [...new Set(splits.flat())]
  if (named !== undefined && !names.includes(named)) {
    const message = `found ${JSON.stringify(named)}, allowed: a target of the resource: ${names.join(', ')}`
    return { rollout: undefined, problems: [{ annotation: rolloutAnnotations.target, message, effect: 'unusable' }] }
  }
  const divided = splits.filter((targets) => new Set(targets).size > 1)
  const target = named ?? divided[0]?.at(-1)
  if (target === undefined || !divided.some((targets) => targets.includes(target))) {
    const message = `without effect: a rollout needs two targets, and ${named ?? 'the resource'} ${named === undefined ? 'has one' : 'is alone'}`
    return { rollout: undefined, problems: [{ annotation: rolloutAnnotations.steps, message, effect: 'no effect' }] }
  }
  const { plan, problems } = parsePlan(annotations, target)
  return { rollout: { target, plan }, problems }
}

function parsePlan(
  annotations: Annotations,
  target: string,
): { readonly plan: RolloutPlan | undefined; readonly problems: readonly AnnotationProblem[] } {
  const problems: AnnotationProblem[] = []
  const hold = (annotation: string, message: string) => {
    problems.push({ annotation, message, effect: 'held' })
    return undefined
  }
  const read = <Value extends object>(annotation: string, value: Value | { readonly error: string }) =>
    'error' in value ? hold(annotation, value.error) : value

  const steps = read(rolloutAnnotations.steps, parseSteps(annotations[rolloutAnnotations.steps]))
  const limitsText = annotations[rolloutAnnotations.limits]
  const limits = limitsText === undefined ? defaultLimits : read(rolloutAnnotations.limits, parseLimits(limitsText))
  const state = annotations[rolloutAnnotations.state]
  const restartedAt = annotations[rolloutAnnotations.restartedAt]
  if (state !== undefined && state !== 'paused' && state !== 'aborted') {
    hold(rolloutAnnotations.state, `found ${JSON.stringify(state)}, allowed: paused, aborted, or no such annotation`)
    return { plan: undefined, problems }
  }
  if (steps === undefined || limits === undefined) return { plan: undefined, problems }
  return { plan: { steps, target, limits, state, restartedAt }, problems }
}

/** `0.5% for 5m, 5% for 10m, 25% for 10m, 100%`; the last step may lack its time. */
function parseSteps(text: string): readonly RolloutStep[] | { readonly error: string } {
  const parts = text.split(',').map((part) => part.trim())
  const steps: RolloutStep[] = []
  for (const [index, part] of parts.entries()) {
    const [, weight, time] = /^(\d+(?:\.\d+)?)\s*%(?:\s+for\s+(\S+))?$/.exec(part) ?? []
    if (weight === undefined) return { error: `found ${JSON.stringify(part)}, allowed: steps like 5% for 10m` }
    const weightPercent = Number(weight)
    const before = steps.at(-1)?.weightPercent ?? 0
    if (weightPercent <= 0 || weightPercent > 100) {
      return { error: `found ${JSON.stringify(part)}, allowed: a weight of more than 0% and at most 100%` }
    }
    if (weightPercent <= before) {
      return { error: `found ${weight}% after ${before}%, allowed: a larger weight in each step` }
    }
    const forMs = time === undefined ? undefined : durationMs(time)
    if (time !== undefined && (forMs === undefined || forMs <= 0)) {
      return { error: `found ${JSON.stringify(part)}, allowed: a time like 30s, 10m or 1h30m` }
    }
    if (time === undefined && index < parts.length - 1) {
      return {
        error: `found ${JSON.stringify(part)}, allowed: steps like 5% for 10m; the last one alone needs no time`,
      }
    }
    steps.push({ weightPercent, forMs: forMs ?? 0 })
  }
  return steps
}

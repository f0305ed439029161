import { z } from 'zod'

/**
 * `Waiting`: nothing can be told yet, and no step is taken. `Progressing`: on its way from step to step. `Paused`: by people.
 * `RolledBack`: a limit was broken. `Aborted`: by people. `Completed`: the last step is done.
 */
export const rolloutPhases = ['Waiting', 'Progressing', 'Paused', 'RolledBack', 'Aborted', 'Completed'] as const
export type RolloutPhase = (typeof rolloutPhases)[number]

/**
 * How far one resource's target is rolled out: a value of the ConfigMap {@link rolloutsName}. Of what its writer keeps there, this
 * is all that replicas read, so that they understand each other's versions.
 */
export const rolloutState = z.looseObject({
  /** Name of the target model that the rest is about. */
  target: z.string().min(1, 'the name of a target model'),
  /** Share of the requests that it gets. */
  weightPercent: z.number().min(0).max(100),
  phase: z.enum(rolloutPhases),
  /** Index of the step of the plan. */
  step: z.int().min(0),
  /** For people: how it stands, and why. */
  message: z.string().optional(),
})
export type RolloutState = z.infer<typeof rolloutState>

/** Name of the ConfigMap that has the states of all rollouts of its namespace. */
export const rolloutsName = 'signalbox-rollouts'
/** Its label, whose value is "true". */
export const rolloutsLabel = 'signalbox.dev/rollouts'

/** The kinds that can have a plan, by the beginning of their key in the ConfigMap's data. */
const kindsByPrefix = {
  inferencemodel: 'InferenceModel',
  inferencemodelrewrite: 'InferenceModelRewrite',
} as const
export type RolloutKind = (typeof kindsByPrefix)[keyof typeof kindsByPrefix]

/** Where in the ConfigMap's data the state of a resource stands: `inferencemodel.NAME`. */
export const stateKey = (kind: RolloutKind, name: string): string => `${kind.toLowerCase()}.${name}`

/** The resource that a key of the data stands for; undefined for any other key. */
export function resourceOfKey(key: string): { readonly kind: RolloutKind; readonly name: string } | undefined {
  const dot = key.indexOf('.')
  const prefix = key.slice(0, dot)
  if (dot < 0 || dot === key.length - 1 || !Object.hasOwn(kindsByPrefix, prefix)) return undefined
  return { kind: kindsByPrefix[prefix as keyof typeof kindsByPrefix], name: key.slice(dot + 1) }
}

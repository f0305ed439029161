import type { DeclaredRollout } from '../rollout/plan.ts'
import type { RolloutState } from '../rollout/state.ts'
import type { Pool, StickyKey, TargetModel } from './catalog.ts'
import type { Origin } from './resource.ts'

/** What one valid resource says, in our words and with its defaults filled in. */
export type Declaration =
  | PoolDeclaration
  | ModelDeclaration
  | ObjectiveDeclaration
  | RewriteDeclaration
  | AdapterDeclaration
  | RolloutStates
  | RouteDeclaration

export type Declared = {
  /** `InferencePool default/qwen`: the key, and what people are told. */
  readonly id: string
  readonly apiVersion: string
  readonly origin: Origin
  /** Epoch milliseconds of metadata.creationTimestamp; Infinity without one, which is the youngest. */
  readonly createdAtMs: number
}

/**
 * Orders declarations that claim the same thing: the older one first; of one time the one whose `namespace/name` comes first,
 * so that every replica agrees. Without times, as in files, they keep their order.
 */
export function byAge(a: Declared, b: Declared): number {
  if (a.createdAtMs !== b.createdAtMs) return a.createdAtMs < b.createdAtMs ? -1 : 1
  if (a.createdAtMs === Number.POSITIVE_INFINITY || a.id === b.id) return 0
  return a.id < b.id ? -1 : 1
}

/** Why `winner` goes before `loser`, for people: the end of a sentence about it. */
export function whyFirst(winner: Declared, loser: Declared): string {
  if (winner.createdAtMs < loser.createdAtMs) return 'is older'
  return winner.createdAtMs === Number.POSITIVE_INFINITY ? 'was first' : 'is as old, with a name that comes first'
}

/** InferencePool v1 or v1alpha2. */
export type PoolDeclaration = Declared & {
  readonly kind: 'pool'
  readonly pool: Pool
}

/** InferenceModel v1alpha2. */
export type ModelDeclaration = Declared & {
  readonly kind: 'model'
  readonly modelName: string
  /** `namespace/name`. */
  readonly poolKey: string
  readonly priority: number
  /** At least one. */
  readonly targets: readonly TargetModel[]
  readonly stickyBy: StickyKey | undefined
  readonly rollout: DeclaredRollout | undefined
}

/** InferenceObjective v1alpha2, of either of its API groups. */
export type ObjectiveDeclaration = Declared & {
  readonly kind: 'objective'
  /** `namespace/name`. */
  readonly key: string
  /** `namespace/name`. */
  readonly poolKey: string
  readonly priority: number
}

/** InferenceModelRewrite v1alpha2, of either of its API groups. */
export type RewriteDeclaration = Declared & {
  readonly kind: 'rewrite'
  readonly name: string
  /** `namespace/name`. */
  readonly poolKey: string
  readonly rules: readonly {
    /** Names that the rule matches; none: every name. */
    readonly models: readonly string[]
    /** At least one. */
    readonly targets: readonly TargetModel[]
  }[]
  readonly stickyBy: StickyKey | undefined
  /** Of the rules that have its target beside another one. */
  readonly rollout: DeclaredRollout | undefined
}

/** A ConfigMap of the body-based router. */
export type AdapterDeclaration = Declared & {
  readonly kind: 'adapters'
  readonly baseModel: string
  readonly adapters: readonly string[]
}

/** The ConfigMap that says how far targets are rolled out. */
export type RolloutStates = Declared & {
  readonly kind: 'rollouts'
  /** By the id of the resource, `InferenceModel default/travel-helper`. */
  readonly states: ReadonlyMap<string, RolloutState>
  /** Resources whose entry can't be read: what was known of them before stays. */
  readonly unreadable: readonly string[]
}

/** HTTPRoute v1 or v1beta1: the rules that match model names. */
export type RouteDeclaration = Declared & {
  readonly kind: 'route'
  readonly rules: readonly RouteRule[]
}

export type RouteRule = {
  /** Values of X-Gateway-Model-Name that the rule matches. */
  readonly modelNames: readonly string[]
  /** Weights of the InferencePools behind the rule, by `namespace/name`. */
  readonly weights: ReadonlyMap<string, number>
  /** It has backends that are no InferencePools. */
  readonly leadsElsewhere: boolean
}

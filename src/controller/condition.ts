import { isObject } from '../catalog/resource.ts'

/** metav1.Condition. */
export type Condition = {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
  /** metadata.generation of the object that was judged. */
  readonly observedGeneration?: number | undefined
  /** RFC 3339, in seconds. */
  readonly lastTransitionTime: string
}

/** What a condition shall say; when it began to is found by {@link transition}. */
export type Finding = Omit<Condition, 'lastTransitionTime'>

/** A condition of Knative's form: without a reason and a message where there is nothing to explain. */
export type SparseFinding = Omit<Finding, 'reason' | 'message'> & {
  readonly reason?: string
  readonly message?: string
}

/** metav1.Condition.message has at most so many characters. */
const maxMessageChars = 32_768

/** The conditions in a status that anybody may have written; what is none is left out. */
export function readConditions(status: unknown): readonly Condition[] {
  const conditions = isObject(status) ? status.conditions : undefined
  return Array.isArray(conditions) ? conditions.filter((each) => isObject(each) && typeof each.type === 'string') : []
}

/**
 * `finding` as a condition: the same object as before when it says nothing new, and with the same lastTransitionTime as long as
 * the status is the same.
 */
export function transition<T extends SparseFinding>(
  finding: T,
  before: readonly Condition[],
  epochMs: number,
): T & { readonly lastTransitionTime: string } {
  const known = before.find(({ type }) => type === finding.type)
  const message = finding.message?.slice(0, maxMessageChars)
  if (
    known !== undefined &&
    known.status === finding.status &&
    known.reason === finding.reason &&
    known.message === message &&
    known.observedGeneration === finding.observedGeneration
  ) {
    return known as Condition & T
  }
  const lastTransitionTime =
    known?.status === finding.status ? known.lastTransitionTime : `${new Date(epochMs).toISOString().slice(0, 19)}Z`
  return { ...finding, message, lastTransitionTime }
}

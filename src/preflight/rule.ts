import type { FieldPath, Problem } from '../catalog/problem.ts'
import type { Entry } from './entry.ts'
import type { Survey } from './picker.ts'

/** One trap. A rule that can't know says nothing. */
export type Rule = {
  /** Stable: what docs/check.md and scripts call it. */
  readonly id: string
  readonly severity: Problem['severity']
  find(survey: Survey): Iterable<Found>
}

export type Found = {
  /** The object where it is to be mended. */
  readonly entry: Pick<Entry<unknown>, 'resource'>
  readonly path: FieldPath
  /** What is so, and what comes of it. */
  readonly message: string
  /** What to do, in the imperative. */
  readonly remedy: string
}

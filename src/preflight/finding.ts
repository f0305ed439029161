import { formatProblem, type Problem } from '../catalog/problem.ts'

/** A problem that says which rule found it, and what to do about it. */
export type Finding = Problem & {
  /** Stable, for people to look up (docs/check.md) and for tools; `invalid` for what the validation of a resource found. */
  readonly id: string
  /** What to set; '' where the message says what is allowed. */
  readonly remedy: string
}

/** One line: `PLACE PATH: warning: message: remedy [id]`. */
export function formatFinding(finding: Finding): string {
  if (finding.id === invalid) return formatProblem(finding)
  return `${formatProblem(finding)}: ${finding.remedy} [${finding.id}]`
}

const invalid = 'invalid'

/** What the validation of resources found, beside the findings of rules. */
export function asFinding({ severity, place, path, message }: Problem): Finding {
  return { id: invalid, severity, place, path, message, remedy: '' }
}

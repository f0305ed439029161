/** Where a value stands inside a resource, e.g. `['spec', 'targetPorts', 0, 'number']`. */
export type FieldPath = readonly (string | number)[]

/** Something wrong with what a source gave, for people to read. */
export type Problem = {
  /** An error puts a resource, an entry or a file out of use. With a warning it is used, without what the message names. */
  readonly severity: 'error' | 'warning'
  /** Where: `pools.yaml:7:5` in a file, `InferencePool default/qwen` in a cluster. */
  readonly place: string
  /** The field, e.g. `spec.targetPorts[0].number`; '' for the whole. */
  readonly path: string
  /** What was found and what is allowed. */
  readonly message: string
}

/** `spec.targetPorts[0].number`, `metadata.annotations["signalbox.dev/sticky-by"]`; '' for the whole. */
export function formatPath(path: FieldPath): string {
  let text = ''
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`
    else if (!/^[\w-]+$/.test(segment)) text += `[${JSON.stringify(segment)}]`
    else text += text === '' ? segment : `.${segment}`
  }
  return text
}

/** One line: `pools.yaml:7:5 spec.targetPortNumber: found 0, allowed: at least 1`. */
export function formatProblem(problem: Problem): string {
  const where = problem.path === '' ? problem.place : `${problem.place} ${problem.path}`
  return `${where}: ${problem.severity === 'warning' ? 'warning: ' : ''}${problem.message}`
}

/** The same problem, of something whose last valid version is used instead. */
export function sayKept(problem: Problem): Problem {
  if (problem.severity === 'warning') return problem
  return { ...problem, message: `${problem.message}; the last valid version stays in use` }
}

const byNumbersInText = new Intl.Collator('en', { numeric: true })

/** Orders by place (line 9 before line 10), then by field. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return problems.toSorted(
    (a, b) => byNumbersInText.compare(a.place, b.place) || byNumbersInText.compare(a.path, b.path),
  )
}

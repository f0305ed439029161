import { formatProblem, type Problem, sortProblems } from '../catalog/problem.ts'

/** What is wrong with a configuration, a line for each problem: `file:line:col path: problem`. */
export class ConfigurationError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const errors = problems.filter(({ severity }) => severity === 'error')
    super(sortProblems(errors).map(formatProblem).join('\n'))
    this.problems = problems
  }
}

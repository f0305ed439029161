import type { Logger } from 'pino'
import type { Catalog } from '../catalog/catalog.ts'
import type { Compiled } from '../catalog/compile.ts'
import { formatProblem, type Problem, sortProblems } from '../catalog/problem.ts'
import type { EndpointSpec } from '../pool/endpoint.ts'

/** All that a source knows at one moment. */
export type Snapshot = {
  readonly catalog: Catalog
  readonly endpoints: readonly EndpointSpec[]
}

/** How the problems of a source have changed. */
export type ProblemChange = {
  readonly appeared: readonly Problem[]
  readonly resolved: readonly Problem[]
  /** All that there are now, the new ones among them. */
  readonly current: readonly Problem[]
}

/** Who is told of changes. Nothing is told twice: no call without a change of content. */
export type SourceListener = {
  onSnapshot(snapshot: Snapshot): void
  onProblems(change: ProblemChange): void
}

/** Where resources come from. */
export type Source = {
  /** Reads once, and tells the listener of every change after that. @throws SourceError */
  start(): Promise<Snapshot>
  /** What the resources were compiled to last, with all that is known of each; undefined before there is anything. */
  readonly compiled: Compiled | undefined
  /** Ends watching. The listener hears nothing more. */
  close(): Promise<void>
}

/** A source that can't begin: a path or file that is missing or unreadable. The message names each, a line apiece. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
}

/** Tells of problems when they change. */
export class ProblemReport {
  readonly #tell: (change: ProblemChange) => void
  #problems: ReadonlyMap<string, Problem> = new Map()

  constructor(tell: (change: ProblemChange) => void) {
    this.#tell = tell
  }

  update(found: readonly Problem[]): void {
    const before = this.#problems
    this.#problems = new Map(found.map((problem) => [formatProblem(problem), problem]))
    const appeared = missingFrom(before, this.#problems)
    const resolved = missingFrom(this.#problems, before)
    if (appeared.length === 0 && resolved.length === 0) return
    const current = sortProblems([...this.#problems.values()])
    this.#tell({ appeared: sortProblems(appeared), resolved: sortProblems(resolved), current })
  }
}

/** Problems of `some` that `others` lacks. */
function missingFrom(others: ReadonlyMap<string, Problem>, some: ReadonlyMap<string, Problem>): readonly Problem[] {
  return [...some].filter(([text]) => !others.has(text)).map(([, problem]) => problem)
}

/** A line for each problem that has come or gone, at the level that it is of. */
export function logProblems({ appeared, resolved }: ProblemChange, log: Logger): void {
  for (const problem of appeared) log[problem.severity === 'error' ? 'error' : 'warn'](formatProblem(problem))
  for (const problem of resolved) log.info(`resolved: ${formatProblem(problem)}`)
}

import type { Catalog } from '../catalog/catalog.ts'
import type { Problem } from '../catalog/problem.ts'
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

/** A source that can't begin: a path or file that is missing or unreadable. The message names each, a line apiece. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
}

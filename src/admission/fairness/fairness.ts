import type { Flow } from '../flow.ts'

/** Chooses among the flows of a band. It knows those in which something waits, and no others. */
export type Fairness = {
  /** A flow has got its first request. */
  joined(flow: Flow): void
  /** Another request has become the flow's head, though none was served. */
  headChanged(flow: Flow): void
  /** The flow's head was served, and the next one has become its head. */
  served(flow: Flow): void
  /** Nothing of the flow waits any more. */
  left(flow: Flow): void
  /** The flow to serve; only asked while there is one. */
  next(nowMs: number): Flow
}

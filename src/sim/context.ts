import type { ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'
import type { Engine } from './engine.ts'
import type { Fault } from './faults.ts'
import type { ServedModels } from './inference.ts'
import type { Journal, JournalEntry, OpenEntry } from './journal.ts'
import type { Metrics } from './metrics.ts'
import type { Random } from './random.ts'
import type { Settings } from './settings.ts'

/** What all exchanges of one server share. */
export type SimContext = {
  readonly name: string
  readonly served: ServedModels
  /** Seconds since 1970. */
  readonly createdS: number
  readonly maxBodyBytes: number
  readonly seed: number
  readonly clock: Clock
  /** Time of the start on the clock: zero of the journal. */
  readonly startedAtMs: number
  readonly settings: Settings
  readonly engine: Engine
  /** Whether prompts with the same beginning share the work on it. */
  readonly hasPrefixCaching: boolean
  readonly metrics: Metrics
  readonly journal: Journal
  readonly onRequest: ((entry: JournalEntry) => void) | undefined
}

/** One request whose body has arrived. */
export type Exchange = {
  readonly context: SimContext
  readonly response: ServerResponse
  readonly entry: OpenEntry
  readonly body: Buffer
  readonly fault: Fault | undefined
  readonly random: Random
  /** Aborted when the connection is gone, whoever closed it. */
  readonly signal: AbortSignal
}

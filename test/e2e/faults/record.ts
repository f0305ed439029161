import { appendFileSync } from 'node:fs'
import type { Fault } from './faults.ts'
import { type Counts, type FaultRun, outcomes } from './traffic.ts'

/** A row of the table in docs/faults.md. */
export type FaultRecord = {
  readonly fault: Fault
  readonly before: string
  readonly during: string
  readonly after: string
}

/** Names the file that gets a line of JSON for each fault that was tried. */
export const recordVariable = 'SIGNALBOX_FAULT_RECORDS'

/** Writes down what was counted, if somebody wants to know. */
export function record(entry: FaultRecord): void {
  const file = process.env[recordVariable]
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(entry)}\n`)
}

/** The same of requests. */
export function recordRun(fault: Fault, { before, during, after }: FaultRun): void {
  record({
    fault,
    before: countsText(before.counts),
    during: `${countsText(during.counts)} in ${during.seconds.toFixed(1)} s, slowest ${(during.slowestMs / 1000).toFixed(1)} s`,
    after: countsText(after.counts),
  })
}

/** `480 answered, 12 refused`; what is none but the answered is left out. */
function countsText(counts: Counts): string {
  const named = outcomes.filter((outcome) => outcome === 'answered' || counts[outcome] > 0)
  return named.map((outcome) => `${counts[outcome].toLocaleString('en-US')} ${outcome}`).join(', ')
}

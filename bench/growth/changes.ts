import { type Cell, figure, type Table } from '../table.ts'
import type { ChangeSample } from './change-point.ts'
import { inWords, type Measured } from './size.ts'

/** No request is answered meanwhile. */
const changeTargetMs = 100

export function changesTable(changed: readonly Measured<ChangeSample>[], misses: string[]): Table {
  const cell = (what: string, ms: number, cluster: string): Cell => {
    // Written so that a figure that is no number misses too.
    if (ms <= changeTargetMs) return figure(ms)
    misses.push(`growth: ${what} changes, ${cluster}: ${figure(ms)} ms, target at most ${changeTargetMs}`)
    return { text: `${figure(ms)} > ${changeTargetMs}`, missesTarget: true }
  }
  return {
    title: 'Changes of the cluster',
    columns: ['cluster', 'a Pod comes or goes, ms', 'an InferenceModel changes, ms'],
    rows: changed.map(({ size, sample: { podMs, modelMs } }) => [
      inWords(size),
      cell('a Pod', podMs, inWords(size)),
      cell('an InferenceModel', modelMs, inWords(size)),
    ]),
    labelColumns: 1,
    note: 'CPU time until pools, endpoints and scraper are those of the new snapshot, in which no request is answered; changes within 25 ms are one.',
  }
}

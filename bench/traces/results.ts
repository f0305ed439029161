import type { Outcome } from '../e2e.ts'
import { percentile } from '../statistics.ts'
import { type Cell, figure, type Table } from '../table.ts'
import type { TraceResult } from './drive.ts'
import type { PickerName } from './pickers.ts'

/** Of signalbox to the reference, at most; of three to one, at least. */
const targets = { meanRatio: 0.85, p99Ratio: 1, cachedRatio: 0.95 }
const subject: PickerName = 'signalbox'
const replicas: PickerName = 'signalbox × 3'
const reference: PickerName = 'reference'

/** What was measured, in words. */
export type Setting = { readonly trace: string; readonly note: string }

type Summary = {
  readonly name: PickerName
  readonly meanMs: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  /** Of all prompt tokens, those that came from a cache, 0 to 1. */
  readonly cachedShare: number
  readonly failed: number
}

/** Gives a cell, and marks and reports the miss where there is one. */
type Check = (text: string, isMiss: boolean, miss: string) => Cell

/** The tables of one trace: all pickers, and three signalboxes beside one. Any failed request misses a target. */
export function traceTables({ trace, note }: Setting, results: ReadonlyMap<PickerName, TraceResult>): Outcome {
  const misses: string[] = []
  const check: Check = (text, isMiss, miss) => {
    if (!isMiss) return text
    misses.push(`${trace}: ${miss}`)
    return { text, missesTarget: true }
  }
  const summaries = Array.from(results, ([name, result]) => summarize(name, result))
  const pickers = summaries.filter(({ name }) => name !== replicas)
  const busiest = Math.max(...Array.from(results.values(), ({ machineBusy }) => machineBusy))
  const tables: Table[] = [
    {
      title: `Trace: ${trace}`,
      columns: ['picker', 'mean ms', 'p50 ms', 'p90 ms', 'p99 ms', 'prompt cached', '× mean', '× p99', 'failed'],
      rows: pickers.map((each) => pickerRow(each, summaries, check)),
      labelColumns: 1,
      note:
        `Time to the first token. ${note} × is to the reference, the Go endpoint picker; ` +
        `the machine was up to ${percentText(busiest)} busy.`,
    },
  ]
  const one = summaries.find(({ name }) => name === subject)
  const many = summaries.find(({ name }) => name === replicas)
  if (one && many) {
    tables.push({
      title: `Replicas: ${trace}`,
      columns: ['picker', 'mean ms', 'p99 ms', 'prompt cached', '× cached', 'failed'],
      rows: [one, many].map((each) => [
        each.name,
        figure(each.meanMs),
        figure(each.p99Ms),
        percentText(each.cachedShare),
        cachedCell(each.cachedShare / one.cachedShare, check),
        // Those of the one are reported in the table before.
        check(String(each.failed), each === many && each.failed > 0, failedText(each)),
      ]),
      labelColumns: 1,
      note: 'Envoy spreads its ext_proc streams over three processes, which do not tell each other what they choose.',
    })
  }
  return { tables, misses }
}

const cachedCell = (ratio: number, check: Check): Cell =>
  check(
    figure(ratio),
    ratio < targets.cachedRatio,
    `three that share nothing find ${figure(ratio)} × as much in caches as one, below ${targets.cachedRatio}`,
  )

export function summarize(name: PickerName, result: TraceResult): Summary {
  const { firstTokensMs, promptTokens, cachedTokens, failures } = result
  return {
    name,
    meanMs: firstTokensMs.reduce((sum, each) => sum + each, 0) / firstTokensMs.length,
    p50Ms: percentile(firstTokensMs, 50),
    p90Ms: percentile(firstTokensMs, 90),
    p99Ms: percentile(firstTokensMs, 99),
    cachedShare: cachedTokens / promptTokens,
    failed: Object.values(failures).reduce((sum, count) => sum + count, 0),
  }
}

function pickerRow(each: Summary, summaries: readonly Summary[], check: Check): Cell[] {
  const base = summaries.find(({ name }) => name === reference)
  const meanRatio = each.meanMs / (base?.meanMs ?? Number.NaN)
  const p99Ratio = each.p99Ms / (base?.p99Ms ?? Number.NaN)
  const isSubject = each.name === subject
  return [
    each.name,
    figure(each.meanMs),
    figure(each.p50Ms),
    figure(each.p90Ms),
    figure(each.p99Ms),
    percentText(each.cachedShare),
    check(
      figure(meanRatio),
      isSubject && meanRatio > targets.meanRatio,
      `the mean time to the first token is ${figure(meanRatio)} × the reference's, above ${targets.meanRatio}`,
    ),
    check(
      figure(p99Ratio),
      isSubject && p99Ratio > targets.p99Ratio,
      `the 99th percentile is ${figure(p99Ratio)} × the reference's, above ${targets.p99Ratio}`,
    ),
    check(String(each.failed), each.failed > 0, failedText(each)),
  ]
}

const failedText = ({ name, failed }: Summary) => `${failed} requests through ${name} failed`

export const percentText = (share: number) => `${(share * 100).toFixed(0)} %`

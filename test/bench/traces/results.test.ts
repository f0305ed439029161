import { expect, test } from 'vitest'
import type { TraceResult } from '../../../bench/traces/drive.ts'
import type { PickerName } from '../../../bench/traces/pickers.ts'
import { traceTables } from '../../../bench/traces/results.ts'

function result(firstTokensMs: readonly number[], cachedTokens: number, failures = {}): TraceResult {
  return { firstTokensMs, promptTokens: 100, cachedTokens, failures, lateMs: 1, machineBusy: 0.5 }
}

const tables = (results: [PickerName, TraceResult][]) =>
  traceTables({ trace: 'prefix-heavy', note: 'So it was.' }, new Map(results))

const reference: [PickerName, TraceResult] = ['reference', result([100, 100, 100, 300], 60)]

test('a picker that reaches the targets', () => {
  const { tables: both, misses } = tables([
    reference,
    ['signalbox', result([50, 100, 90, 270], 72)],
    ['signalbox × 3', result([100, 100, 100, 300], 69)],
  ])
  expect(misses).toEqual([])
  expect(both.map(({ title }) => title)).toEqual(['Trace: prefix-heavy', 'Replicas: prefix-heavy'])
  expect(both[0].rows).toEqual([
    ['reference', '150', '100', '300', '300', '60 %', '1', '1', '0'],
    ['signalbox', '128', '90', '270', '270', '72 %', '0.85', '0.9', '0'],
  ])
  expect(both[1].rows).toEqual([
    ['signalbox', '128', '270', '72 %', '1', '0'],
    ['signalbox × 3', '150', '300', '69 %', '0.958', '0'],
  ])
})

test.each<[what: string, results: [PickerName, TraceResult][], misses: string[]]>([
  [
    'a mean above 0.85 of the reference',
    [reference, ['signalbox', result([52, 100, 90, 270], 72)]],
    ["prefix-heavy: the mean time to the first token is 0.853 × the reference's, above 0.85"],
  ],
  [
    'a 99th percentile above the reference',
    [reference, ['signalbox', result([1, 1, 1, 301], 72)]],
    ["prefix-heavy: the 99th percentile is 1 × the reference's, above 1"],
  ],
  [
    'a request that failed, whoever chose',
    [
      reference,
      ['random', result([1], 0, { 'HTTP 503': 2, 'socket hang up': 1 })],
      ['signalbox', result([1], 1)],
      ['signalbox × 3', result([1], 1, { 'HTTP 500': 1 })],
    ],
    ['prefix-heavy: 3 requests through random failed', 'prefix-heavy: 1 requests through signalbox × 3 failed'],
  ],
  [
    'three that find less in caches than one',
    [reference, ['signalbox', result([1], 72)], ['signalbox × 3', result([1], 68)]],
    ['prefix-heavy: three that share nothing find 0.944 × as much in caches as one, below 0.95'],
  ],
  [
    'that none succeeded',
    [reference, ['signalbox', result([], 0, { 'HTTP 500': 4 })]],
    ['prefix-heavy: 4 requests through signalbox failed'],
  ],
])('a miss: %s', (_, results, misses) => {
  expect(tables(results).misses).toEqual(misses)
})

test('random may be as slow as it is, and without a reference there is no ratio', () => {
  expect(tables([reference, ['random', result([900], 12)]]).misses).toEqual([])
  const { tables: alone, misses } = tables([['signalbox', result([900], 12)]])
  expect(misses).toEqual([])
  expect(alone).toHaveLength(1)
  expect(alone[0].rows[0].slice(-3)).toEqual(['–', '–', '0'])
})

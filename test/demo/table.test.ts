import { expect, test } from 'vitest'
import { percentile, tableLines } from '../../src/demo/table.ts'

test('one line a row, numbers to the right, shares of the model, its name once', () => {
  const row = { target: 'v1', endpoint: 'qwen-0', requests: 9, errors: 0, timesMs: [1, 2, 3] }
  const lines = tableLines([
    { ...row, model: 'canary' },
    { ...row, model: 'canary', target: 'v2', endpoint: 'qwen-10', requests: 1, errors: 1 },
    { ...row, model: 'unserved', target: '', endpoint: '', requests: 1200, timesMs: [1000] },
  ])
  expect(lines).toEqual([
    'model     target  endpoint  requests    share  p50 ms  p99 ms  errors',
    'canary    v1      qwen-0           9   90.0 %       2       3       0',
    '          v2      qwen-10          1   10.0 %       2       3       1',
    'unserved  -       -             1200  100.0 %    1000    1000       0',
  ])
})

test('without rows there are the titles', () => {
  expect(tableLines([])).toEqual(['model  target  endpoint  requests  share  p50 ms  p99 ms  errors'])
})

test('percentiles by nearest rank', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect([0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([50, 99, 100])
  expect(percentile([7], 0.5)).toBe(7)
  expect(percentile([], 0.5)).toBe(0)
})

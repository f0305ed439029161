import { describe, expect, test } from 'vitest'
import { judge, judgeFailures } from '../../bench/goal.ts'

describe('judge', () => {
  test.each([
    [4, { atLeast: 4 }],
    [0.4, { atMost: 0.4 }],
    [9, undefined],
  ])('%s with the goal %o is a figure like any other', (value, goal) => {
    const misses: string[] = []
    expect(judge(value, goal, 'ratio', misses)).toBe(String(value))
    expect(misses).toEqual([])
  })

  test.each([
    [3.99, { atLeast: 4 }, '3.99 < 4', 'ratio: 3.99, target at least 4'],
    [0.5, { atMost: 0.4 }, '0.5 > 0.4', 'ratio: 0.5, target at most 0.4'],
    [Number.NaN, { atLeast: 4 }, '– < 4', 'ratio: –, target at least 4'],
    [Number.NaN, { atMost: 4 }, '– > 4', 'ratio: –, target at most 4'],
  ])('%s with the goal %o misses it', (value, goal, text, miss) => {
    const misses: string[] = []
    expect(judge(value, goal, 'ratio', misses)).toEqual({ text, missesTarget: true })
    expect(misses).toEqual([miss])
  })
})

test('any failure is a miss', () => {
  const misses: string[] = []
  expect(judgeFailures(0, 'requests', misses)).toBe('0')
  expect(judgeFailures(2, 'requests', misses)).toEqual({ text: '2', missesTarget: true })
  expect(misses).toEqual(['requests: 2 failed'])
})

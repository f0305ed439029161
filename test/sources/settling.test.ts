import { describe, expect, test } from 'vitest'
import { Settling } from '../../src/sources/settling.ts'

const settleMs = 1000

/** What counts after each reading of one file, `[text, milliseconds]`. */
function follow(...readings: readonly (readonly [text: string, nowMs: number])[]): string[] {
  const settling = new Settling(settleMs)
  return readings.map(([text, nowMs]) => settling.textOf('f', text, nowMs))
}

describe('a text counts', () => {
  test('at once when it is the first, longer, or as long', () => {
    expect(follow(['ab', 0], ['abc', 1], ['xyz', 2])).toEqual(['ab', 'abc', 'xyz'])
  })

  test('when it is shorter, once it has stood for a while', () => {
    expect(follow(['abc', 0], ['a', 10], ['a', 1009], ['a', 1010])).toEqual(['abc', 'abc', 'abc', 'a'])
  })

  test('not while it grows, however slowly, until it is whole again', () => {
    const readings = ['', 'a', 'ab', 'abd'].map((text, index) => [text, 900 * (index + 1)] as const)
    expect(follow(['abc', 0], ...readings)).toEqual(['abc', 'abc', 'abc', 'abc', 'abd'])
  })

  test('after as long when it is replaced again and again by others of which none continues another', () => {
    expect(follow(['abc', 0], ['x1', 600], ['x2', 1200], ['x3', 1700])).toEqual(['abc', 'abc', 'abc', 'x3'])
  })

  test('each file by itself, and no longer than the file is there', () => {
    const settling = new Settling(settleMs)
    settling.textOf('a', 'abc', 0)
    settling.textOf('b', 'x', 0)
    expect(settling.textOf('b', 'xy', 1)).toBe('xy')
    settling.textOf('a', 'a', 1)
    settling.keepOnly(new Set(['b']))
    expect(settling.waitMs(2)).toBeUndefined()
    expect(settling.textOf('a', 'a', 3)).toBe('a')
  })
})

test('says when to look again, as long as there is something to wait for', () => {
  const settling = new Settling(settleMs)
  settling.textOf('a', 'abc', 0)
  expect(settling.waitMs(0)).toBeUndefined()
  settling.textOf('a', 'ab', 100)
  settling.textOf('a', 'ab', 400)
  expect(settling.waitMs(400)).toBe(700)
  expect(settling.waitMs(2000)).toBe(0)
  settling.textOf('a', 'ab', 1100)
  expect(settling.waitMs(1100)).toBeUndefined()
})

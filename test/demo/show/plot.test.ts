import { describe, expect, test } from 'vitest'
import { type Plot, plot, roundTop } from '../../../src/demo/show/plot.ts'

const times = [0, 1, 2, 3, 4]
const solid = (points: readonly (number | null)[]) => ({ points, isDotted: false })
const draw = (parts: Partial<Plot>) =>
  plot({ width: 8, height: 2, times, lastTime: 4, top: 8, lines: [], ...parts }).map((row) =>
    row.map(({ text }) => text).join(''),
  )

describe('a plot', () => {
  test('has the first time at the left, the last one at the right, 0 below and the top above', () => {
    expect(draw({ lines: [solid([0, 2, 4, 6, 8])] })).toEqual(['    ⢀⡠⠔⠊', '⣀⠤⠒⠊⠁   '])
  })

  test('ends where time has come to', () => {
    expect(draw({ lines: [solid([8, 8])] })).toEqual(['⠉⠉⠁     ', '        '])
  })

  test('breaks a line where nothing was measured', () => {
    expect(draw({ lines: [solid([8, 8, null, 8, 8])] })).toEqual(['⠉⠉⠁  ⠈⠉⠉', '        '])
  })

  test('draws the second line in every other dot', () => {
    expect(draw({ lines: [solid([0, 0, 0, 0, 0]), { points: [8, 8, 8, 8, 8], isDotted: true }] })).toEqual([
      '⠁⠁⠁⠁⠁⠁⠁⠁',
      '⣀⣀⣀⣀⣀⣀⣀⣀',
    ])
  })

  test('keeps what is over the top at the top', () => {
    expect(draw({ lines: [solid([80, 80, 80, 80, 80])] })[0]).toBe('⠉⠉⠉⠉⠉⠉⠉⠉')
  })

  test('says of each character which line it is of, the first one where two meet', () => {
    const lines = [solid([8, 8]), solid([8, 8, 8, 8, 8])]
    const [row] = plot({ width: 8, height: 2, times, lastTime: 4, top: 8, lines })
    expect(row.map(({ line }) => line)).toEqual([0, 0, 0, 1, 1, 1, 1, 1])
  })
})

test.each([
  [0, 1],
  [0.25, 0.3],
  [1, 1],
  [41, 50],
  [401, 500],
  [512, 600],
  [801, 1000],
  [9000, 10_000],
])('the axis of values up to %d ends at %d', (value, top) => {
  expect(roundTop(value)).toBeCloseTo(top, 9)
})

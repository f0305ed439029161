import { describe, expect, test } from 'vitest'
import { frame } from '../../../src/demo/show/frame.ts'
import { type Paint, plain, progressLine, summaryLines } from '../../../src/demo/show/text.ts'
import { feedWith } from './feed.ts'

describe('a frame', () => {
  test('fits a terminal of 80 by 24', () => {
    const lines = frame(feedWith(), { columns: 80, rows: 24 }, plain, '20 s of 20 s · ctrl-C ends it')
    expect(`\n${lines.join('\n')}\n`).toMatchInlineSnapshot(`
      "
      Shared prompts go where they are cached
      Chats begin with one of 24 long system prompts. Signalbox sends each to a server
      that has it.

      TTFT p90, ⣀⣀ Signalbox  ⡀⡀ round robin
       400 ms ┤⠱⡀ ⠄⠄⠄⠄⠄⠄⠄⠄⠄⠄⠄⠄⠄⠐⠐⠐⠐⠐⠐⠐⠐⠐⠐⠐⠐⠐⠐⠐⠐⠐⠐⠐⠐⠐⠐⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁  round robin 400 ms
              │ ⠘⡄
              │  ⠈⢆
              │    ⠱⡀
              │     ⠘⢄
       200 ms ┤      ⠈⢆
              │        ⢣
              │         ⠣⡀
              │          ⠱⡀
              │           ⠱⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀  Signalbox 40 ms
         0 ms ┤
              └─────────────────────────────────────────────────
               0 s       5 s        10 s        15 s        20 s

                             Signalbox   round robin
      TTFT p90                   40 ms        400 ms
      prompt from a cache         98 %          23 %
      requests that failed           0            12
      20 s of 20 s · ctrl-C ends it
      "
    `)
  })

  test.each([
    { columns: 60, rows: 18 },
    { columns: 80, rows: 24 },
    { columns: 200, rows: 60 },
  ])('is nowhere longer than $columns, and has at most $rows lines', (size) => {
    const events = [3, 9, 15].map((atS) => ({ atS, text: `server ${atS} does something that takes words to say` }))
    const summary = Array.from({ length: 6 }, () => feedWith().summary[0])
    const lines = frame(feedWith({ events, summary }), size, plain, 'status '.repeat(40))
    expect(lines.length).toBeLessThanOrEqual(size.rows)
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(size.columns)
    expect(lines.at(-1)).toMatch(/^status .*…$/)
  })

  test('before anything was measured has axes and no values', () => {
    const series = [{ name: 'TTFT p90', unit: 'ms' as const, points: [[], []] as const }]
    const summary = [{ name: 'TTFT p90', unit: 'ms' as const, values: [null, null] as const }]
    const text = frame(feedWith({ timesS: [], series, summary }), { columns: 80, rows: 24 }, plain, '').join('\n')
    expect(text).toContain('   1 ms ┤\n')
    expect(text).toMatch(/TTFT p90 +– +–/)
  })

  test('colours the plot, the names and the figures of each side alike', () => {
    const marked: Paint = { ...plain, side: (side, text) => `<${side}>${text}</${side}>` }
    const text = frame(feedWith(), { columns: 80, rows: 24 }, marked, '').join('\n')
    expect(text).toContain('<0>⣀⣀ Signalbox</0>')
    expect(text).toMatch(/<1>round robin 400 ms<\/1>/)
    expect(text).toMatch(/<0> +40 ms<\/0>/)
    expect(text).toMatch(/<0>[⠀-⣿]<\/0>/)
  })
})

test('the summary has a column for each side, what was measured, and the verdict', () => {
  expect(`\n${summaryLines(feedWith(), plain).join('\n')}\n`).toMatchInlineSnapshot(`
    "
                           Signalbox   round robin
    TTFT p90                   40 ms        400 ms
    prompt from a cache         98 %          23 %
    requests that failed           0            12

    Measured: 1,234 requests to each side after the first 4 s, in which caches fill.
    This machine was 42 % busy.
    TTFT p90 40 ms instead of 400 ms: 10 times faster.
    "
  `)
})

test('the summary of a run that was ended early has no verdict', () => {
  expect(summaryLines(feedWith({ verdict: null }), plain).at(-1)).toBe('It was ended early, so there is no verdict.')
})

test('the summary warns of times that were measured on a busy machine', () => {
  const busy = (machineBusy: number) =>
    summaryLines(feedWith({ measured: { fromS: 0, requests: 1, machineBusy } }), plain).join('\n')
  expect(busy(0.9)).toContain('This machine was 90 % busy: too much for the times to mean a lot.')
  expect(busy(0.5)).toContain('This machine was 50 % busy.\n')
})

test('without a terminal a line says how it stands', () => {
  expect(progressLine(feedWith())).toBe(' 20 s  TTFT p90: Signalbox 40 ms, round robin 400 ms')
})

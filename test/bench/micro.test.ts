import { expect, test } from 'vitest'
import { condense } from '../../bench/micro.ts'

test('of what mitata prints the times remain', () => {
  const output = `clk: ~2.18 GHz
cpu: Some CPU

benchmark                             avg (min … max) p75 / p99    (min … top 1%)
----------------------------------------------------- -------------------------------
decision over 3 endpoints              837.71 ns/iter 491.00 ns █
                                (270.00 ns … 6.49 ms)   1.77 µs █▅ █
                              (960.00  b … 590.74 kb) 972.96  b ██▅█▄▃▂▂▁

page, every line read                    1.02 ms/iter 306.60 µs █
                              (200.80 µs … 22.29 ms)  12.60 ms █
                              (162.19 kb … 651.88 kb) 259.16 kb █▁

summary
  decision over 3 endpoints
   1217x faster than page, every line read
`
  expect(condense(output)).toBe(
    [
      '                             average        min        p75       p99',
      'decision over 3 endpoints  837.71 ns  270.00 ns  491.00 ns   1.77 µs',
      'page, every line read        1.02 ms  200.80 µs  306.60 µs  12.60 ms',
    ].join('\n'),
  )
})

test('other output stays as it is', () => {
  expect(condense('body   scan\n1 KiB  0.9 µs\n')).toBe('body   scan\n1 KiB  0.9 µs')
})

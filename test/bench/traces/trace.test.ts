import { describe, expect, test } from 'vitest'
import { adapterTrace, prefixTrace, requestBody, zipfSampler } from '../../../bench/traces/trace.ts'
import { seededRandom } from '../../../src/sim/random.ts'

const length = { warmUpMs: 10_000, measuredMs: 50_000 }

describe.each([
  ['prefixes', prefixTrace],
  ['adapters', adapterTrace],
])('a trace of %s', (_, make) => {
  const trace = make(length)

  test('is the same each time', () => {
    expect(make(length)).toEqual(trace)
  })

  test('has its rate, in the order of time, up to its length', () => {
    const times = trace.requests.map(({ atMs }) => atMs)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times.at(-1)).toBeLessThan(60_000)
    // 1,440 are expected; four standard deviations of a Poisson distribution are 152.
    expect(Math.abs(times.length - 24 * 60)).toBeLessThan(152)
  })

  test('repeats no suffix', () => {
    expect(new Set(trace.requests.map(({ suffix }) => suffix)).size).toBe(trace.requests.length)
  })
})

test('a longer trace goes on after the shorter one', () => {
  const [short, long] = [prefixTrace(length), prefixTrace({ ...length, measuredMs: 60_000 })]
  const times = ({ requests }: typeof short) => requests.map(({ atMs }) => atMs)
  expect(times(long).slice(0, short.requests.length)).toEqual(times(short))
  expect(long.requests.length).toBeGreaterThan(short.requests.length)
  expect(long.prefixes).toEqual(short.prefixes)
})

test('a request is a streaming chat completion with a shared beginning that asks for usage', () => {
  const trace = prefixTrace(length)
  const [each] = trace.requests
  const body = JSON.parse(requestBody(trace, each))
  expect(body).toMatchObject({ model: 'qwen', stream: true, stream_options: { include_usage: true }, max_tokens: 16 })
  expect(body.messages).toEqual([
    { role: 'system', content: trace.prefixes[each.prefix!] },
    { role: 'user', content: each.suffix },
  ])
  expect(body.messages[0].content.split(' ')).toHaveLength(3000)
})

test('a request for an adapter has nothing in common with another', () => {
  const trace = adapterTrace(length)
  const body = JSON.parse(requestBody(trace, trace.requests[0]))
  expect(trace.adapters).toContain(body.model)
  expect(body.messages).toEqual([{ role: 'user', content: trace.requests[0].suffix }])
})

test('Zipf: the k-th is drawn in proportion to k to the power of minus the exponent', () => {
  const draw = zipfSampler(4, 1, seededRandom(1, 1))
  const counts = [0, 0, 0, 0]
  const draws = 12_000
  for (let i = 0; i < draws; i++) counts[draw()]++
  const total = 1 + 1 / 2 + 1 / 3 + 1 / 4
  for (const [i, count] of counts.entries()) expect(count / draws).toBeCloseTo(1 / (i + 1) / total, 1)
})

import { describe, expect, test } from 'vitest'
import { counted, readCounters, sidesOf } from '../../src/rollout/replica-counters.ts'
import { emptyTally } from '../../src/rollout/tally.ts'

const series = (name: string, target: string, counts: readonly number[]) => {
  const labels = `resource="InferenceModel default/chat",target="${target}"`
  const lines = ['0.1', '0.11', '+Inf'].map((le, at) => `${name}_bucket{${labels},le="${le}"} ${counts[at]}`)
  return [...lines, `${name}_sum{${labels}} 1.5`, `${name}_count{${labels}} ${counts.at(-1)}`]
}

const page = Buffer.from(
  `${[
    '# TYPE signalbox_target_requests_total counter',
    'signalbox_target_requests_total{resource="InferenceModel default/chat",target="v1",outcome="ok"} 40',
    'signalbox_target_requests_total{resource="InferenceModel default/chat",target="v1",outcome="cut"} 2',
    'signalbox_target_requests_total{resource="InferenceModel default/chat",target="v2",outcome="error"} 3',
    'signalbox_target_requests_total{resource="InferenceModel other/chat",target="v2",outcome="ok"} 1',
    '# TYPE signalbox_target_ttft_seconds histogram',
    ...series('signalbox_target_ttft_seconds', 'v1', [30, 38, 40]),
    ...series('signalbox_target_ttft_seconds', 'v2', [0, 5, 5]),
    '# TYPE signalbox_target_token_seconds histogram',
    ...series('signalbox_target_token_seconds', 'v2', [1, 1, 1]),
  ].join('\n')}\n`,
)

describe('a page of metrics', () => {
  const tallies = readCounters(page)

  test('tells what each target of each resource has done, of all series of a histogram', () => {
    expect(tallies.get('InferenceModel default/chat')).toEqual(
      new Map([
        ['v1', { ...emptyTally, ok: 40, cut: 2, ttft: { 0.1: 30, 0.11: 8, '+Inf': 2 } }],
        ['v2', { ...emptyTally, error: 3, ttft: { 0.11: 5 }, tokenTime: { 0.1: 1 } }],
      ]),
    )
    expect(tallies.get('InferenceModel other/chat')).toEqual(new Map([['v2', { ...emptyTally, ok: 1 }]]))
  })

  test('has two sides: the target, and all others together', () => {
    const sides = sidesOf(tallies.get('InferenceModel default/chat'), 'v2')
    expect([sides.target.error, sides.stable.ok]).toEqual([3, 40])
    expect(sidesOf(undefined, 'v2')).toEqual({ target: emptyTally, stable: emptyTally })
  })

  test('of a replica that tells nothing of targets is empty', () => {
    expect(readCounters(Buffer.from('up 1\n'))).toEqual(new Map())
  })
})

describe('between two pages', () => {
  test('counts what was added', () => {
    const before = { ...emptyTally, ok: 3, ttft: { 0.1: 2 } }
    const now = { ...emptyTally, ok: 5, error: 1, ttft: { 0.1: 3, 0.2: 1 } }
    expect(counted(before, now)).toEqual({ ...emptyTally, ok: 2, error: 1, ttft: { 0.1: 1, 0.2: 1 } })
  })

  test('a replica that began again has counted all of its page', () => {
    const before = { ...emptyTally, ok: 30, ttft: { 0.1: 20 } }
    const now = { ...emptyTally, ok: 31, ttft: { 0.1: 1 } }
    expect(counted(before, now)).toEqual(now)
  })
})

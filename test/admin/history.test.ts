import { describe, expect, test } from 'vitest'
import { type EndpointSample, History } from '../../src/admin/history.ts'
import { historyLength, maxSampledEndpoints } from '../../src/admin/limits.ts'
import { sampleFields } from '../../src/admin/wire.ts'

const row = (value: number | null) => sampleFields.map(() => value)
const endpoint = (name: string, picks: number): EndpointSample => {
  return { address: `${name}:1`, name, picks, kvUsage: 0.5, queued: 2 }
}

describe('history', () => {
  test('is empty at first, then has every second in order', () => {
    const history = new History()
    expect(history.feed()).toMatchObject({ timesMs: [], endpoints: [] })
    history.add(1000, row(1), [endpoint('a', 3)])
    history.add(2000, row(null), [endpoint('a', 4)])
    const { timesMs, fields, endpoints } = history.feed()
    expect(timesMs).toEqual([1000, 2000])
    expect(Object.keys(fields)).toEqual([...sampleFields])
    expect(fields.sent).toEqual([1, null])
    expect(endpoints).toEqual([{ address: 'a:1', name: 'a', picks: [3, 4], kvUsage: [0.5, 0.5], queued: [2, 2] }])
  })

  test('keeps its length, and forgets the oldest', () => {
    const history = new History()
    for (let i = 0; i < historyLength + 5; i += 1) history.add(i, row(i), [endpoint('a', i)])
    const { timesMs, fields, endpoints } = history.feed()
    expect(timesMs).toHaveLength(historyLength)
    expect([timesMs[0], timesMs.at(-1)]).toEqual([5, historyLength + 4])
    expect([fields.sent[0], fields.sent.at(-1)]).toEqual([5, historyLength + 4])
    expect(endpoints[0].picks).toHaveLength(historyLength)
  })

  test('has a gap where an endpoint was not there', () => {
    const history = new History()
    history.add(1, row(0), [])
    history.add(2, row(0), [endpoint('a', 7)])
    history.add(3, row(0), [])
    expect(history.feed().endpoints[0].picks).toEqual([null, 7, null])
    expect([...history.lastOfEndpoints()]).toEqual([{ address: 'a:1', name: 'a', row: [null, null, null] }])
  })

  test('has so many endpoints at most; those that have a place keep it, until nothing of them is left', () => {
    const history = new History()
    const many = Array.from({ length: maxSampledEndpoints + 3 }, (_, i) => endpoint(`e${i}`, 1))
    history.add(0, row(0), many)
    expect(history.feed().endpoints).toHaveLength(maxSampledEndpoints)
    history.add(1, row(0), many.toReversed())
    expect(history.feed().endpoints.map(({ name }) => name)).toEqual(
      many.slice(0, maxSampledEndpoints).map(({ name }) => name),
    )
    for (let i = 0; i < historyLength; i += 1) history.add(2 + i, row(0), [])
    expect(history.feed().endpoints).toEqual([])
    history.add(9_999, row(0), [endpoint('new', 1)])
    expect(history.feed().endpoints.map(({ name }) => name)).toEqual(['new'])
  })
})

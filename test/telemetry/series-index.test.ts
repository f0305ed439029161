import { describe, expect, test } from 'vitest'
import { BoundedValues } from '../../src/telemetry/bounded-values.ts'
import { SeriesIndex, type SeriesKey } from '../../src/telemetry/series-index.ts'

const isPinned = (value: string): boolean => value.startsWith('ours')

function indexOf() {
  const models = new BoundedValues(isPinned)
  const fairnessIds = new BoundedValues((id) => id === 'default-flow')
  return new SeriesIndex<SeriesKey>({ models, fairnessIds }, (key) => key)
}

describe('values of a label', () => {
  test('have a place until there are a thousand; those of resources always', () => {
    const values = new BoundedValues(isPinned)
    for (let i = 0; i < 1_000; i += 1) expect(values.claim(`theirs-${i}`)).toBe(`theirs-${i}`)
    expect(values.claim('one-more')).toBe('other')
    expect(values.claim('theirs-0')).toBe('theirs-0')
    expect(values.claim('ours')).toBe('ours')
    expect(values.claim('')).toBe('')
  })

  test('pinned ones take no place', () => {
    const values = new BoundedValues(isPinned, 1)
    values.claim('ours-1')
    expect([values.claim('theirs'), values.claim('theirs-2')]).toEqual(['theirs', 'other'])
  })

  test('to be known is not to have claimed', () => {
    const values = new BoundedValues(isPinned, 1)
    expect([values.known('theirs'), values.known('ours'), values.claim('theirs'), values.known('theirs')]).toEqual([
      'other',
      'ours',
      'theirs',
      'theirs',
    ])
  })
})

describe('series', () => {
  test('one for each combination', () => {
    const index = indexOf()
    const first = index.of('a', 'b', 'c', 1)
    expect(index.of('a', 'b', 'c', 1)).toBe(first)
    const others = [index.of('b', 'b', 'c', 1), index.of('a', 'a', 'c', 1), index.of('a', 'b', 'd', 1)]
    expect(new Set([first, ...others, index.of('a', 'b', 'c', 2)]).size).toBe(5)
    expect(index.all).toHaveLength(5)
  })

  test('values without a place share one', () => {
    const index = indexOf()
    for (let i = 0; i < 1_000; i += 1) index.of(`model-${i}`, `model-${i}`, 'default-flow', 0)
    const other = index.of('late', 'late', 'default-flow', 0)
    expect(other).toEqual({ model: 'other', target: 'other', fairnessId: 'default-flow', priority: 0 })
    expect(index.of('later', 'later', 'default-flow', 0)).toBe(other)
    expect(index.of('late', 'ours', 'default-flow', 0)).toMatchObject({ model: 'other', target: 'ours' })
  })

  test('are bounded however labels are combined, and those of resources stay', () => {
    const index = indexOf()
    for (let i = 0; i < 200_000; i += 1) index.of(`model-${i % 700}`, `model-${i % 11}`, `tenant-${i % 900}`, 0)
    expect(index.all.length).toBeGreaterThan(4_000)
    expect(index.all.length).toBeLessThan(4_000 + 2_000)
    expect(index.of('ours-1', 'ours-2', 'default-flow', 3)).toEqual({
      model: 'ours-1',
      target: 'ours-2',
      fairnessId: 'default-flow',
      priority: 3,
    })
    expect(index.of('ours-1', 'ours-2', 'tenant-x', 3).fairnessId).toBe('other')
  })

  test('a request for a model that is not served takes no place', () => {
    const index = indexOf()
    for (let i = 0; i < 2_000; i += 1) index.ofUnserved(`junk-${i}`, '', 'default-flow', 0)
    expect(index.all).toEqual([{ model: 'other', target: '', fairnessId: 'default-flow', priority: 0 }])
    expect(index.of('served', 'served', 'default-flow', 0).model).toBe('served')
  })
})

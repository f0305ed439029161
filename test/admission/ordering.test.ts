import { describe, expect, test } from 'vitest'
import type { OrderingOptions } from '../../src/admission/options.ts'
import { World } from './items.ts'

function orderOf(type: OrderingOptions['type'], arrivals: readonly Arrival[]) {
  const world = new World({ defaultBand: { ...band, ordering: { type, parameters: {} } } })
  world.inFlight = world.capacity
  for (const { name, atMs, ...facts } of arrivals) {
    world.clock.stall(atMs - world.clock.nowMs())
    expect(world.offer(world.item(name, facts))).toBe('waiting')
  }
  return world.served(arrivals.length).join(' ')
}

type Arrival = {
  readonly name: string
  readonly atMs: number
  readonly ttlMs?: number
  readonly sloTtftMs?: number
  readonly receivedAtMs?: number
  readonly fairnessId?: string
}

const band = {
  maxBytes: undefined,
  maxRequests: undefined,
  fairness: { type: 'global-strict-fairness-policy', parameters: {} },
} as const

describe('fcfs', () => {
  test('in the order of arrival, whatever their deadlines', () => {
    const arrivals = [
      { name: 'a', atMs: 0, ttlMs: 9_000 },
      { name: 'b', atMs: 1, ttlMs: 100, sloTtftMs: 5 },
      { name: 'c', atMs: 1, ttlMs: 50, receivedAtMs: -70 },
    ]
    expect(orderOf('fcfs-ordering-policy', arrivals)).toBe('a b c')
  })
})

describe('edf: arrival + time to live', () => {
  test.each([
    {
      what: 'the shorter time to live',
      arrivals: [
        { name: 'a', atMs: 0, ttlMs: 500 },
        { name: 'b', atMs: 10, ttlMs: 400 },
      ],
      order: 'b a',
    },
    {
      what: 'the earlier of equal times',
      arrivals: [
        { name: 'a', atMs: 0, ttlMs: 500 },
        { name: 'b', atMs: 10, ttlMs: 500 },
      ],
      order: 'a b',
    },
    {
      what: 'the first of equal ends',
      arrivals: [
        { name: 'a', atMs: 0, ttlMs: 500 },
        { name: 'b', atMs: 100, ttlMs: 400 },
      ],
      order: 'a b',
    },
    {
      what: 'the default of 60 s counts',
      arrivals: [
        { name: 'a', atMs: 0 },
        { name: 'b', atMs: 0, ttlMs: 59_999 },
        { name: 'c', atMs: 0, ttlMs: 60_001 },
      ],
      order: 'b a c',
    },
    {
      what: 'no limit comes last',
      arrivals: [
        { name: 'a', atMs: 0, ttlMs: 0 },
        { name: 'b', atMs: 10, ttlMs: 900 },
        { name: 'c', atMs: 20, ttlMs: 0 },
      ],
      order: 'b a c',
    },
  ])('$what', ({ arrivals, order }) => {
    expect(orderOf('edf-ordering-policy', arrivals)).toBe(order)
  })
})

describe('slo deadline: received + time to first token', () => {
  test.each([
    {
      what: 'the earlier deadline',
      arrivals: [
        { name: 'a', atMs: 0, sloTtftMs: 500 },
        { name: 'b', atMs: 10, sloTtftMs: 400 },
      ],
      order: 'b a',
    },
    {
      what: 'received counts, not enqueued',
      arrivals: [
        { name: 'a', atMs: 100, sloTtftMs: 500 },
        { name: 'b', atMs: 110, sloTtftMs: 550, receivedAtMs: 20 },
      ],
      order: 'b a',
    },
    {
      what: 'those without come last',
      arrivals: [
        { name: 'a', atMs: 0 },
        { name: 'b', atMs: 0, sloTtftMs: 90_000 },
        { name: 'c', atMs: 0 },
      ],
      order: 'b a c',
    },
    {
      what: 'zero is a deadline',
      arrivals: [
        { name: 'a', atMs: 0, sloTtftMs: 1 },
        { name: 'b', atMs: 0, sloTtftMs: 0 },
      ],
      order: 'b a',
    },
    {
      what: 'over all flows of the band',
      arrivals: [
        { name: 'a', atMs: 0, sloTtftMs: 9, fairnessId: 'x' },
        { name: 'b', atMs: 0, sloTtftMs: 8, fairnessId: 'y' },
        { name: 'c', atMs: 0, sloTtftMs: 7, fairnessId: 'x' },
      ],
      order: 'c b a',
    },
  ])('$what', ({ arrivals, order }) => {
    expect(orderOf('slo-deadline-ordering-policy', arrivals)).toBe(order)
  })
})

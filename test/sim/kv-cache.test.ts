import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KvCache } from '../../src/sim/kv-cache.ts'

const all = Number.POSITIVE_INFINITY

test('blocks are found from the beginning of a prompt, as long as they match', () => {
  const cache = new KvCache(10)
  cache.take([1, 2, 3], all)
  expect(cache.take([1, 2, 9], all).cachedBlocks).toBe(2)
  expect(cache.take([4, 2, 3], all).cachedBlocks).toBe(0)
  expect(cache.take([1, 2, 3], 2).cachedBlocks).toBe(2)
})

test('what is let go of stays until its room is needed, the oldest first and ends before beginnings', () => {
  const cache = new KvCache(4)
  cache.release(cache.take([1, 2], all))
  cache.release(cache.take([3, 4], all))
  cache.release(cache.take([1], all))
  cache.release(cache.take([5], all))
  expect(cache.take([1, 2], 2).cachedBlocks, '2 was the oldest').toBe(1)
})

test('blocks in use never go; what finds no room is not kept', () => {
  const cache = new KvCache(3)
  const first = cache.take([1, 2], all)
  const second = cache.take([3, 4, 5], all)
  expect(second.held).toEqual([3])
  expect(cache.heldBlocks).toBe(3)
  expect(cache.take([1, 2], all).cachedBlocks).toBe(2)
  cache.release(first)
  expect(cache.heldBlocks, 'the second holder of 1 and 2 is left').toBe(3)
})

test('it never holds more than it has room for, and nothing is left held in the end', () => {
  const prompt = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 6 }).map((path) => {
    // Keys as prompts have them: each names the whole beginning.
    let key = 0
    return path.map((each) => (key = key * 10 + each))
  })
  fc.assert(
    fc.property(fc.array(fc.tuple(prompt, fc.boolean())), fc.integer({ min: 1, max: 12 }), (steps, capacity) => {
      const cache = new KvCache(capacity)
      const leases = []
      for (const [keys, ends] of steps) {
        const lease = cache.take(keys, all)
        expect(lease.held.slice(0, lease.cachedBlocks)).toEqual(keys.slice(0, lease.cachedBlocks))
        expect(cache.heldBlocks).toBeLessThanOrEqual(capacity)
        leases.push(lease)
        if (ends) cache.release(leases.shift()!)
      }
      expect(cache.heldBlocks).toBe(new Set(leases.flatMap(({ held }) => held)).size)
      for (const lease of leases) cache.release(lease)
      expect(cache.heldBlocks).toBe(0)
    }),
  )
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BlockCache } from '../../../src/scheduling/prefix/block-cache.ts'
import { bytesOfBlock } from '../../../src/scheduling/prefix/blocks.ts'

const all = Number.POSITIVE_INFINITY

/** The chain of a document: its own blocks after those that it shares with all of its kind. */
function chain(kind: number, document: number, shared: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const owner = i < shared ? kind : 1000 + kind * 100 + document
    // Many keys agree in their low bits, so that they meet in the buckets.
    return (owner * 400 + i) * 2 ** 20 + (i % 4)
  })
}

describe('a cache of blocks', () => {
  it('has what was touched, up to where a chain leaves it', () => {
    const cache = new BlockCache()
    cache.touch(chain(1, 1, 10, 30), 30, all)
    expect(cache.matchedBlocks(chain(1, 1, 10, 30), 30)).toBe(30)
    expect(cache.matchedBlocks(chain(1, 1, 10, 40), 40)).toBe(30)
    expect(cache.matchedBlocks(chain(1, 2, 10, 30), 30)).toBe(10)
    expect(cache.matchedBlocks(chain(1, 2, 10, 30), 5)).toBe(5)
    expect(cache.matchedBlocks(chain(2, 1, 10, 30), 30)).toBe(0)
    expect(cache.matchedBlocks(chain(1, 1, 10, 30), 0)).toBe(0)
  })

  it('finds every length of a match', () => {
    for (let length = 0; length <= 70; length += 1) {
      const cache = new BlockCache()
      cache.touch(chain(1, 1, 0, 70), length, all)
      expect(cache.matchedBlocks(chain(1, 1, 0, 70), 70)).toBe(length)
    }
  })

  it('counts bytes of prompts', () => {
    const cache = new BlockCache()
    cache.touch(chain(1, 1, 0, 33), 33, all)
    expect([cache.size, cache.bytes]).toEqual([33, 2048 + 128])
    cache.touch(chain(1, 1, 0, 33), 33, all)
    expect([cache.size, cache.bytes]).toEqual([33, 2048 + 128])
  })

  it('drops the end of the chain that was used longest ago', () => {
    const cache = new BlockCache()
    cache.touch(chain(1, 1, 4, 8), 8, 1024)
    cache.touch(chain(1, 2, 4, 8), 8, 1024)
    cache.touch(chain(2, 1, 0, 6), 6, 1024)
    // 18 blocks were touched for the room of 16: the last two of the first chain are gone, what it shares is not.
    expect(cache.matchedBlocks(chain(1, 1, 4, 8), 8)).toBe(6)
    expect(cache.matchedBlocks(chain(1, 2, 4, 8), 8)).toBe(8)
    expect(cache.matchedBlocks(chain(2, 1, 0, 6), 6)).toBe(6)
    expect(cache.bytes).toBe(1024)
  })

  it('keeps the start of a chain that is too long for it', () => {
    const cache = new BlockCache()
    cache.touch(chain(1, 1, 0, 20), 20, 640)
    expect(cache.matchedBlocks(chain(1, 1, 0, 20), 20)).toBe(10)
  })

  it('shrinks, to nothing if need be, and fills again', () => {
    const cache = new BlockCache()
    cache.touch(chain(1, 1, 0, 20), 20, all)
    cache.shrink(640)
    expect(cache.matchedBlocks(chain(1, 1, 0, 20), 20)).toBe(10)
    cache.shrink(0)
    expect([cache.size, cache.bytes, cache.has(chain(1, 1, 0, 1)[0])]).toEqual([0, 0, false])
    cache.touch(chain(1, 1, 0, 20), 20, all)
    expect(cache.matchedBlocks(chain(1, 1, 0, 20), 20)).toBe(20)
  })

  it('does what a map in the order of use does, block for block', () => {
    const touches = fc.record({
      kind: fc.nat(3),
      document: fc.nat(12),
      shared: fc.constant(20),
      count: fc.integer({ min: 1, max: 60 }),
    })
    const capacities = fc.integer({ min: 0, max: 40_000 })
    fc.assert(
      fc.property(fc.array(touches, { minLength: 1, maxLength: 60 }), capacities, (steps, capacity) => {
        const cache = new BlockCache()
        const oracle = new Map<number, number>()
        for (const { kind, document, shared, count } of steps) {
          const keys = chain(kind, document, shared, count)
          cache.touch(keys, count, capacity)
          for (let block = count - 1; block >= 0; block -= 1) {
            oracle.delete(keys[block])
            oracle.set(keys[block], bytesOfBlock(block))
          }
          let bytes = [...oracle.values()].reduce((sum, size) => sum + size, 0)
          for (const [key, size] of oracle) {
            if (bytes <= capacity) break
            oracle.delete(key)
            bytes -= size
          }
          expect([cache.size, cache.bytes]).toEqual([oracle.size, bytes])
          const held = keys.findIndex((key) => !oracle.has(key))
          expect(cache.matchedBlocks(keys, count)).toBe(held === -1 ? count : held)
        }
        for (const { kind, document, shared, count } of steps) {
          for (const key of chain(kind, document, shared, count)) expect(cache.has(key)).toBe(oracle.has(key))
        }
      }),
    )
  })
})

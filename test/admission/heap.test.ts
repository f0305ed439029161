import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Heap } from '../../src/admission/heap.ts'

type Entry = { key: number; index: number }

const heapOfEntries = () =>
  new Heap<Entry>({
    before: (a, b) => a.key < b.key,
    indexOf: (entry) => entry.index,
    setIndex(entry, index) {
      entry.index = index
    },
  })

const step = fc.oneof(
  fc.record({ act: fc.constant('add' as const), key: fc.nat(20), which: fc.nat() }),
  fc.record({ act: fc.constantFrom('remove' as const, 'move' as const), key: fc.nat(20), which: fc.nat() }),
)

test('the top is the smallest entry, whatever was added, removed and moved', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const heap = heapOfEntries()
      const entries: Entry[] = []
      for (const { act, key, which } of steps) {
        const entry = entries[which % entries.length]
        if (act === 'add') {
          const added = { key, index: -1 }
          entries.push(added)
          heap.add(added)
        } else if (entry !== undefined && act === 'move') {
          entry.key = key
          heap.moved(entry)
        } else if (entry !== undefined) {
          entries.splice(which % entries.length, 1)
          heap.remove(entry)
          expect(entry.index).toBe(-1)
        }
        expect(heap.size).toBe(entries.length)
        expect(heap.top?.key).toBe(entries.length === 0 ? undefined : Math.min(...entries.map((each) => each.key)))
      }
      // Emptied from the top, it gives them all, in order.
      const drained: number[] = []
      for (let top = heap.top; top !== undefined; top = heap.top) {
        drained.push(top.key)
        heap.remove(top)
      }
      expect(drained).toEqual(entries.map(({ key }) => key).sort((a, b) => a - b))
    }),
  )
})

import { expect, test } from 'vitest'
import { AdapterSlots } from '../../src/sim/adapter-slots.ts'

test('so many adapters run at once, each for any number of requests', () => {
  const slots = new AdapterSlots(2)
  slots.take('v1', 0, 100)
  slots.take('v2', 0, 100)
  expect([slots.fits('v1'), slots.fits('v2'), slots.fits('v3')]).toEqual([true, true, false])
  slots.take('v1', 0, 100)
  slots.release('v1')
  expect(slots.fits('v3'), 'v1 has another request').toBe(false)
  slots.release('v1')
  expect(slots.fits('v3')).toBe(true)
  expect(slots.running()).toEqual(['v2'])
})

test('the least recently used adapter without requests makes room', () => {
  const slots = new AdapterSlots(3)
  for (const name of ['v1', 'v2', 'v3']) slots.take(name, 0, 100)
  slots.release('v2')
  slots.release('v3')
  slots.take('v2', 500, 100)
  slots.release('v2')
  expect(slots.take('v4', 1000, 100), 'in the place of v3').toBe(1100)
  expect(slots.take('v2', 2000, 100), 'which was used later').toBe(2000)
  slots.release('v4')
  expect(slots.take('v3', 3000, 100), 'in the place of v4').toBe(3100)
  expect(slots.running().sort()).toEqual(['v1', 'v2', 'v3'])
  expect(slots.loads, 'three, v4, and v3 again').toBe(5)
})

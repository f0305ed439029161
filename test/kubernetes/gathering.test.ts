import { expect, test } from 'vitest'
import { Gathering } from '../../src/kubernetes/gathering.ts'
import { ManualClock } from '../pool/manual-clock.ts'

test('many changes are taken in at once, a moment after the first', async () => {
  const clock = new ManualClock()
  const takenAtMs: number[] = []
  const gathering = new Gathering(clock, 25, () => takenAtMs.push(clock.nowMs()))
  gathering.changed()
  await clock.advance(20)
  gathering.changed()
  await clock.advance(5)
  expect(takenAtMs).toEqual([25])
  await clock.advance(100)
  expect(takenAtMs).toEqual([25])
  gathering.changed()
  await clock.advance(25)
  expect(takenAtMs).toEqual([25, 150])
})

test('what takes long is done more rarely', async () => {
  const clock = new ManualClock()
  let workMs = 30
  let taken = 0
  const gathering = new Gathering(clock, 25, () => {
    taken++
    clock.stall(workMs)
  })
  gathering.changed()
  await clock.advance(55)
  workMs = 0
  gathering.changed()
  await clock.advance(299)
  expect(taken).toBe(1)
  await clock.advance(1)
  expect(taken).toBe(2)
  gathering.changed()
  await clock.advance(25)
  expect(taken).toBe(3)
})

test('nothing is taken in once it is closed', async () => {
  const clock = new ManualClock()
  let taken = 0
  const gathering = new Gathering(clock, 25, () => taken++)
  gathering.changed()
  gathering.close()
  gathering.changed()
  await clock.advance(100)
  expect(taken).toBe(0)
})

import { expect, test } from 'vitest'
import { AttainedService } from '../../../src/admission/fairness/attained-service.ts'
import { fairnessKinds } from '../../../src/admission/options.ts'

const parameters = fairnessKinds['program-aware-fairness'].parse({ lasHalfLifeSeconds: 60, evictionTtlSeconds: 100 })

test('service adds up and halves', () => {
  const service = new AttainedService(parameters)
  service.add('x', 1_000, 0)
  service.add('x', 100, 60_000)
  expect(service.of('x', 60_000)).toBeCloseTo(600, 6)
  expect(service.of('x', 120_000)).toBeCloseTo(300, 6)
  expect(service.of('y', 0)).toBe(0)
})

test('what was not served for long is forgotten', () => {
  const service = new AttainedService(parameters)
  service.add('x', 1_000, 0)
  service.add('y', 1_000, 1)
  service.add('x', 1, 2)
  service.add('z', 1, 100_001)
  expect(service.size).toBe(3)
  service.add('z', 1, 100_002)
  expect([service.size, service.of('y', 100_002)]).toEqual([2, 0])
  expect(service.of('x', 100_002)).toBeGreaterThan(300)
})

test('any number of ids takes bounded room', () => {
  const service = new AttainedService(parameters)
  for (let i = 0; i < 30_000; i += 1) service.add(`id-${i}`, 1, 5)
  expect(service.size).toBe(10_000)
  expect(service.of('id-29999', 5)).toBe(1)
})

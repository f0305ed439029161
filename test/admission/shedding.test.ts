import { expect, test } from 'vitest'
import { shedding } from '../../src/admission/shedding.ts'

test.each([
  { priority: -1, saturation: 0.99, isShed: false },
  { priority: -1, saturation: 1, isShed: true },
  { priority: -1, saturation: 7, isShed: true },
  { priority: -10, saturation: 1, isShed: true },
  { priority: 0, saturation: 1, isShed: false },
  { priority: 0, saturation: 7, isShed: false },
  { priority: 5, saturation: 7, isShed: false },
])('priority $priority at saturation $saturation: shed $isShed', ({ priority, saturation, isShed }) => {
  const rejection = shedding(priority, saturation)
  expect(rejection !== undefined).toBe(isShed)
  if (isShed) expect(rejection).toMatchObject({ reason: 'rejected-saturated', status: 429, retryAfterSeconds: 1 })
})

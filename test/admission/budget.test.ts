import { expect, test } from 'vitest'
import { budgetsOf } from '../../src/admission/budget.ts'

const never = Number.POSITIVE_INFINITY

test.each([
  { defaultTtl: 60, noEndpointTtl: 60, own: undefined, expected: [60, 60] },
  { defaultTtl: 5, noEndpointTtl: 600, own: undefined, expected: [5, 600] },
  { defaultTtl: 0, noEndpointTtl: 600, own: undefined, expected: [never, 600] },
  { defaultTtl: 5, noEndpointTtl: 0, own: undefined, expected: [5, never] },
  { defaultTtl: 5, noEndpointTtl: 600, own: 30, expected: [30, 30] },
  { defaultTtl: 5, noEndpointTtl: 2, own: 30, expected: [30, 2] },
  { defaultTtl: 5, noEndpointTtl: 2, own: 0, expected: [never, 2] },
  { defaultTtl: 5, noEndpointTtl: 0, own: 30, expected: [30, 30] },
  { defaultTtl: 0, noEndpointTtl: 0, own: undefined, expected: [never, never] },
])(
  'default $defaultTtl, without endpoints $noEndpointTtl, own $own',
  ({ defaultTtl, noEndpointTtl, own, expected }) => {
    const budgets = budgetsOf({ defaultRequestTtlMs: defaultTtl, noEndpointTtlMs: noEndpointTtl }, own)
    expect([budgets.withEndpointsMs, budgets.withoutEndpointsMs]).toEqual(expected)
  },
)

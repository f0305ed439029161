import { describe, expect, test } from 'vitest'
import { type Condition, type Finding, readConditions, transition } from '../../src/controller/condition.ts'

const noon = Date.UTC(2026, 0, 31, 12, 0, 0, 789)
const finding: Finding = {
  type: 'Accepted',
  status: 'True',
  reason: 'Accepted',
  message: 'in use',
  observedGeneration: 2,
}
const stored: Condition = { ...finding, lastTransitionTime: '2026-01-01T00:00:00Z' }

describe('a condition', () => {
  test('that is new begins now', () => {
    expect(transition(finding, [], noon)).toEqual({ ...finding, lastTransitionTime: '2026-01-31T12:00:00Z' })
  })

  test('that says nothing new is the one that stands there', () => {
    expect(transition({ ...finding }, [stored], noon)).toBe(stored)
  })

  test.each([{ reason: 'Other' }, { message: 'other' }, { observedGeneration: 3 }])(
    'with another %o keeps the time of its status',
    (change) => {
      const expected = { ...stored, ...change }
      expect(transition({ ...finding, ...change }, [stored], noon)).toEqual(expected)
    },
  )

  test('with another status begins now', () => {
    const { lastTransitionTime } = transition({ ...finding, status: 'False' }, [stored], noon)
    expect(lastTransitionTime).toBe('2026-01-31T12:00:00Z')
  })

  test('is compared with that of its own type', () => {
    const other: Condition = { ...stored, type: 'Ready' }
    expect(transition(finding, [other], noon).lastTransitionTime).toBe('2026-01-31T12:00:00Z')
  })

  test('has a message of at most 32,768 characters, and stands there once it was cut', () => {
    const long = { ...finding, message: 'x'.repeat(40_000) }
    const cut = transition(long, [], noon)
    expect(cut.message).toHaveLength(32_768)
    expect(transition(long, [cut], noon)).toBe(cut)
  })
})

test.each([undefined, null, 'text', {}, { conditions: {} }, { conditions: [null, 3, {}] }])(
  'a status of %o has no conditions',
  (status) => expect(readConditions(status)).toEqual([]),
)

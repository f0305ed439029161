import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deriveNames, describeLongNamespace } from '../../../src/routes/aim/names.ts'
import { makeAimService } from './objects.ts'

const namesOf = (name: string, namespace: string) => deriveNames(makeAimService(name, { namespace }))

describe('names', () => {
  test.each([
    ['qwen-chat', 'ml-team', 'qwen-chat-a04542d9', 'qwen-chat-a04542d9'],
    ['a.b', 'ml-team', 'a-b-a04542d9', 'a-b-a04542d9'],
    ['Ü', 'ml-team', 'part-a04542d9', 'part-a04542d9'],
    // 54 and 36 characters are left of a name.
    ['x'.repeat(70), 'ml-team', `${'x'.repeat(54)}-a04542d9`, `${'x'.repeat(36)}-a04542d9`],
    [`${'x'.repeat(53)}--y`, 'ml-team', `${'x'.repeat(53)}-a04542d9`, `${'x'.repeat(36)}-a04542d9`],
    [
      'trailing-dash-at-the-cut-of-thirtysix-x',
      'ml-team',
      expect.any(String),
      'trailing-dash-at-the-cut-of-thirtysi-a04542d9',
    ],
    [`${'x'.repeat(30)}------y`, 'ml-team', `${'x'.repeat(30)}------y-a04542d9`, `${'x'.repeat(30)}-a04542d9`],
    ['qwen-chat', 'n'.repeat(42), 'qwen-chat-70a2a165', 'q-70a2a165'],
  ])('of %s in %s', (name, namespace, httpRoute, inferenceService) => {
    expect(namesOf(name, namespace)).toMatchObject({
      httpRoute,
      inferenceService,
      backend: `${inferenceService}-predictor`,
    })
  })

  test('are labels whose host name fits, wherever a service may be', () => {
    const text = fc.string({ unit: fc.constantFrom(...'aZ0.-_é😀'), minLength: 1, maxLength: 80 })
    const namespace = fc.stringMatching(/^[a-z]([a-z0-9-]{0,40}[a-z0-9])?$/)
    fc.assert(
      fc.property(text, namespace, (name, namespace) => {
        const { httpRoute, inferenceService, backend } = namesOf(name, namespace)
        const hash = createHash('sha256').update(`"${namespace}"`).digest('hex').slice(0, 8)
        for (const derived of [httpRoute, inferenceService, backend]) {
          expect(derived).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
        }
        expect(inferenceService.length).toBeLessThanOrEqual(52 - namespace.length)
        for (const derived of [httpRoute, inferenceService]) expect(derived).toMatch(new RegExp(`[a-z0-9]-${hash}$`))
      }),
    )
  })

  test('of InferenceServices are the same where those of HTTPRoutes are', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '-', '.'), minLength: 1, maxLength: 70 })
    fc.assert(
      fc.property(text, text, fc.nat(41), (first, second, more) => {
        const [a, b] = [namesOf(first, `n${'s'.repeat(more)}`), namesOf(second, `n${'s'.repeat(more)}`)]
        if (a.httpRoute === b.httpRoute) expect(a.inferenceService).toBe(b.inferenceService)
      }),
      { numRuns: 1000 },
    )
  })
})

test('a name keeps one character, however long the namespace is', () => {
  expect(namesOf('qwen-chat', 'n'.repeat(60)).inferenceService).toMatch(/^q-[0-9a-f]{8}$/)
})

test('a namespace has at most 42 characters', () => {
  expect(describeLongNamespace('n'.repeat(42))).toBeUndefined()
  expect(describeLongNamespace('n'.repeat(43))).toBe(
    `namespace "${'n'.repeat(43)}" is too long (43 chars); InferenceService hostname would exceed 63 characters`,
  )
})

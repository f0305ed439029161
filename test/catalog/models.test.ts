import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileCatalog } from '../../src/catalog/compile.ts'
import { formatProblem } from '../../src/catalog/problem.ts'
import { type Fields, model, poolV1, resource, route, rule } from './resources.ts'

const pools = ['a', 'b', 'c'].map((name) => poolV1({}, { name }))
const models = ['a', 'b', 'c'].map((name) => model({ poolRef: { name } }, { name }))

/** The weight of each pool for the model `llama`. */
function weights(...others: Fields[]): Record<string, number> {
  const { catalog } = compileCatalog([...pools, ...models, ...others].map(resource))
  const found = catalog.models.get('llama')!
  expect(found.totalWeight).toBe(found.weights.reduce((sum, weight) => sum + weight, 0))
  return Object.fromEntries(found.rules.map(({ pool }, index) => [pool.name, found.weights[index]]))
}

const even = { a: 1, b: 1, c: 1 }

describe('the pools of a model share its requests', () => {
  test('evenly without a route', () => {
    expect(weights()).toEqual(even)
  })

  test('by the rule that matches the name', () => {
    const rules = [rule('qwen', { a: 9 }), rule('llama', { a: 80, b: 15, c: 5 })]
    expect(weights(route(rules))).toEqual({ a: 80, b: 15, c: 5 })
  })

  test('with nothing for a pool that the rule does not name', () => {
    expect(weights(route([rule('llama', { a: 80, c: 20 })]))).toEqual({ a: 80, b: 0, c: 20 })
  })

  test('with weight 1 for a backend without weight', () => {
    expect(weights(route([rule('llama', { a: undefined, b: 2, c: 0 })]))).toEqual({ a: 1, b: 2, c: 0 })
  })

  test('evenly when the weights of the rule add up to nothing', () => {
    expect(weights(route([rule('llama', { a: 0, b: 0 })]))).toEqual(even)
    expect(weights(route([rule('llama', { a: 0 }), rule('llama', { b: 7 })]))).toEqual(even)
  })

  test('evenly when no rule names any of the pools', () => {
    expect(weights(route([rule('llama', { d: 5 }), rule('llama', {})]))).toEqual(even)
  })

  test('by the first rule that names any of the pools', () => {
    const rules = [rule('llama', { d: 5 }), rule('llama', { a: 3 }), rule('llama', { b: 7 })]
    expect(weights(route(rules))).toEqual({ a: 3, b: 0, c: 0 })
  })

  test('by the oldest route', () => {
    const dated = (name: string, creationTimestamp: string | undefined, pool: string) =>
      route([rule('llama', { [pool]: 1 })], { name, creationTimestamp })
    const young = dated('young', '2026-02-01T00:00:00Z', 'b')
    const old = dated('old', '2026-01-01T00:00:00Z', 'c')
    expect(weights(dated('undated', undefined, 'a'), young, old)).toEqual({ a: 0, b: 0, c: 1 })
  })

  test('a name without a model is no matter', () => {
    const { catalog, problems } = compileCatalog([...pools, route([rule('qwen', { a: 1 })])].map(resource))
    expect(catalog.models.size).toBe(0)
    expect(problems).toEqual([])
  })

  test('always to somewhere, and as the rule says where it says anything', () => {
    const weight = fc.option(fc.nat({ max: 1_000_000 }), { nil: undefined })
    const given = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), weight)
    fc.assert(
      fc.property(given, (byPool) => {
        const expected = ['a', 'b', 'c'].map((name) => (name in byPool ? (byPool[name] ?? 1) : 0))
        const isGiven = expected.some((weight) => weight > 0)
        const found = Object.values(weights(route([rule('llama', byPool)])))
        expect(found).toEqual(isGiven ? expected : [1, 1, 1])
      }),
    )
  })
})

describe('one name in one pool', () => {
  const compile = (...objects: Fields[]) => {
    const { catalog, problems } = compileCatalog([...pools, ...objects].map(resource))
    const rules = catalog.models.get('llama')?.rules.map(({ source }) => source)
    return { rules, problems: problems.map(formatProblem) }
  }
  const dated = (name: string, creationTimestamp?: string) =>
    model({ poolRef: { name: 'a' } }, { name, creationTimestamp })

  test('belongs to the oldest InferenceModel', () => {
    const models = [dated('x', '2026-02-01T00:00:00Z'), dated('y', '2026-01-01T00:00:00Z')]
    expect(compile(...models)).toEqual({
      rules: ['InferenceModel default/y'],
      problems: [
        'InferenceModel x spec.modelName: warning: InferenceModel default/y serves "llama" in pool default/a and is older',
      ],
    })
  })

  test('belongs to one with a time rather than to one without', () => {
    expect(compile(dated('x'), dated('y', '2026-01-01T00:00:00Z')).rules).toEqual(['InferenceModel default/y'])
  })

  test.each([
    ['without times to the first', undefined, 'y', 'was first'],
    ['of one time to the first by name', '2026-01-01T00:00:00Z', 'x', 'is as old, with a name that comes first'],
  ])('belongs %s', (_, time, winner, why) => {
    const names = ['y', 'x', 'z']
    expect(compile(...names.map((name) => dated(name, time)))).toEqual({
      rules: [`InferenceModel default/${winner}`],
      problems: names
        .filter((name) => name !== winner)
        .map(
          (name) =>
            `InferenceModel ${name} spec.modelName: warning: InferenceModel default/${winner} serves "llama" in pool default/a and ${why}`,
        ),
    })
  })

  test('leaves the same name in another pool alone', () => {
    expect(compile(dated('x'), model({ poolRef: { name: 'b' } }, { name: 'y' }))).toEqual({
      rules: ['InferenceModel default/x', 'InferenceModel default/y'],
      problems: [],
    })
  })
})

test('the weights of target models add up', () => {
  const targetModels = [
    { name: 'v1', weight: 90 },
    { name: 'v2', weight: 10 },
  ]
  const { catalog } = compileCatalog([...pools, model({ poolRef: { name: 'a' }, targetModels })].map(resource))
  expect(catalog.models.get('llama')?.rules[0]).toMatchObject({ targets: targetModels, totalWeight: 100 })
})

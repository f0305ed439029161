import { describe, expect, test } from 'vitest'
import { compileCatalog } from '../../src/catalog/compile.ts'
import { modelNames } from '../../src/catalog/model-names.ts'
import { type Fields, model, poolV1, resource, rewrite, rewriteRule, route, rule } from './resources.ts'

const pools = ['pool', 'other'].map((name) => poolV1({}, { name }))

const compile = (...objects: Fields[]) => compileCatalog([...pools, ...objects].map(resource)).catalog

function sharesOf(name: string, ...objects: Fields[]) {
  const shares = compile(...objects).poolsByName.get(name)
  if (shares === undefined) return undefined
  expect(shares.totalWeight).toBe(shares.weights.reduce((sum, weight) => sum + weight, 0))
  return Object.fromEntries(shares.pools.map((pool, i) => [pool.name, shares.weights[i]]))
}

describe('a name that no InferenceModel has belongs to the pools', () => {
  test('of the route rule that matches it, by its weights', () => {
    expect(sharesOf('m', route([rule('m', { pool: 80, other: 20 })]))).toEqual({ pool: 80, other: 20 })
  })

  test('of the first rule that leads it to a pool that is there', () => {
    const rules = [
      rule('m', { gone: 1 }),
      rule('m', { other: 0 }),
      rule('m', { other: 5, gone: 9 }),
      rule('m', { pool: 1 }),
    ]
    expect(sharesOf('m', route(rules))).toEqual({ other: 5 })
  })

  test('in which rewrites match it exactly, whatever pools routes lead it to', () => {
    expect(sharesOf('m', rewrite([rewriteRule('x', 'm')]), route([rule('m', { other: 1 })]))).toEqual({ pool: 1 })
  })

  test('of none without a rule', () => {
    expect(sharesOf('m', route([rule('n', { pool: 1 })]))).toBeUndefined()
  })
})

test('a name that a rule leads to a Service is served elsewhere', () => {
  const toService = (name: string, weight?: number) => ({
    ...rule(name, { pool: 1 }),
    backendRefs: [{ kind: 'Service', name: 'predictor', port: 80, ...(weight !== undefined && { weight }) }],
  })
  const catalog = compile(route([toService('service'), toService('switched-off', 0), rule('pooled', { pool: 1 })]))
  expect([...catalog.servedElsewhere]).toEqual(['service'])
})

test('such a name is a model that is served', () => {
  const catalog = compile(model({ modelName: 'a' }), route([rule('b', { pool: 1 }), rule('c', { gone: 1 })]))
  expect(modelNames(catalog)).toEqual(['a', 'b'])
})

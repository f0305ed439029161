import { expect, test } from 'vitest'
import { type Catalog, emptyCatalog, type ModelRule, type RewriteRule } from '../../src/catalog/catalog.ts'
import { namesModel } from '../../src/telemetry/resource-names.ts'

const split = (...names: string[]) =>
  ({ targets: names.map((name) => ({ name })) }) as unknown as RewriteRule & ModelRule

const catalog: Catalog = {
  ...emptyCatalog,
  models: new Map([['model', { rules: [split('rule-1', 'rule-2')], weights: [1], totalWeight: 1 }]]),
  rewrites: new Map([
    ['default/a', { exact: new Map([['asked', split('exact')]]), generic: undefined }],
    ['default/b', { exact: new Map(), generic: split('generic') }],
  ]),
  poolsByName: new Map([['asked', { pools: [], weights: [], totalWeight: 0 }]]),
  baseModels: new Map([['adapter', 'base']]),
}

test.each(['model', 'rule-1', 'rule-2', 'asked', 'exact', 'generic', 'adapter', 'base'])('%s is named', (name) => {
  expect(namesModel(catalog, name)).toBe(true)
  expect(namesModel(emptyCatalog, name)).toBe(false)
})

test('another is not', () => {
  expect(['', 'Model', 'default/a'].map((name) => namesModel(catalog, name))).toEqual([false, false, false])
})

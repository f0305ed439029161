import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Catalog, TargetSplit } from '../../src/catalog/catalog.ts'
import { compileCatalog } from '../../src/catalog/compile.ts'
import { readManifests } from '../../src/sources/manifests.ts'

/** The catalog of some of the manifests, which all are as they should be. */
function compile(...names: string[]): Catalog {
  const files = names.map((name) =>
    readManifests(name, readFileSync(new URL(`manifests/${name}.yaml`, import.meta.url), 'utf8')),
  )
  const { catalog, problems } = compileCatalog(files.flatMap(({ resources }) => resources))
  expect([...files.flatMap((file) => file.problems), ...problems]).toEqual([])
  return catalog
}

/** A model in short: by pool its share, its priority and the targets with their weights. */
function summarize(catalog: Catalog, name: string) {
  const { rules, weights } = catalog.models.get(name)!
  const entries = rules.map(({ pool, priority, targets }, index) => {
    const names = targets.map((target) => `${target.name} ${target.weight}`).join(', ')
    return [pool.key, `${weights[index]} at priority ${priority} to ${names}`] as const
  })
  return Object.fromEntries(entries)
}

test('two models, each in its pool', () => {
  const catalog = compile('models', 'gateway', 'route')
  expect([...catalog.pools.values()]).toEqual([
    {
      key: 'default/qwen-pool',
      namespace: 'default',
      name: 'qwen-pool',
      selector: [['app', 'qwen']],
      targetPorts: [8000],
      appProtocol: 'http',
    },
    {
      key: 'default/deepseek-pool',
      namespace: 'default',
      name: 'deepseek-pool',
      selector: [['app', 'deepseek-r1']],
      targetPorts: [8000],
      appProtocol: 'http',
    },
  ])
  expect([...catalog.models.keys()]).toEqual(['qwen', 'deepseek-r1'])
  expect(summarize(catalog, 'qwen')).toEqual({ 'default/qwen-pool': '1 at priority 1 to qwen 100' })
  expect(summarize(catalog, 'deepseek-r1')).toEqual({ 'default/deepseek-pool': '1 at priority 1 to deepseek-r1 100' })
})

test('a canary among the adapters of a pool', () => {
  const catalog = compile('models', 'route', 'canary')
  expect(summarize(catalog, 'travel-helper')).toEqual({
    'default/qwen-pool': '1 at priority -1 to travel-helper-v1 90, travel-helper-v2 10',
  })
  expect(catalog.models.get('travel-helper')?.rules[0].stickyBy).toEqual({ kind: 'user' })
  expect(summarize(catalog, 'travel-helper-v2')).toEqual({
    'default/qwen-pool': '1 at priority 0 to travel-helper-v2 1',
  })
})

test('a canary among pools', () => {
  const catalog = compile('models', 'route', 'canary-pools')
  expect(summarize(catalog, 'assistant')).toEqual({
    'default/qwen-pool': '80 at priority 0 to qwen 1',
    'default/deepseek-pool': '20 at priority 0 to deepseek-r1 1',
  })
  expect(catalog.models.get('assistant')?.totalWeight).toBe(100)
})

test('a canary by rewrite, and an objective', () => {
  const catalog = compile('models', 'route', 'policies')
  const targets = ({ targets }: TargetSplit) => targets.map(({ name, weight }) => `${name} ${weight}`).join(', ')
  const { exact, generic } = catalog.rewrites.get('default/qwen-pool')!
  expect([...exact].map(([model, rule]) => [model, targets(rule)])).toEqual([['qwen', 'qwen 90, qwen-next 10']])
  expect(targets(generic!)).toBe('qwen 1')
  expect(catalog.headerNames).toEqual(['x-session-id'])
  expect(catalog.objectives.get('default/batch')).toMatchObject({ poolKey: 'default/qwen-pool', priority: -10 })
  // The rewrite leaves the InferenceModel to give pool and priority.
  expect(summarize(catalog, 'qwen')).toEqual({ 'default/qwen-pool': '1 at priority 1 to qwen 100' })
})

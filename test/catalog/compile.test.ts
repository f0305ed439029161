import { describe, expect, test } from 'vitest'
import { emptyCatalog } from '../../src/catalog/catalog.ts'
import { type CompileOptions, compileCatalog } from '../../src/catalog/compile.ts'
import { formatProblem } from '../../src/catalog/problem.ts'
import {
  adapterMap,
  type Fields,
  model,
  objective,
  policyVersions,
  poolV1,
  poolV1alpha2,
  resource,
  rewrite,
  rewriteRule,
  route,
  rule,
} from './resources.ts'

function compile(objects: readonly Fields[], options?: CompileOptions) {
  const compiled = compileCatalog(objects.map(resource), options)
  return { compiled, catalog: compiled.catalog, problems: compiled.problems.map(formatProblem) }
}

const portsOf = ({ catalog }: ReturnType<typeof compile>) => catalog.pools.get('default/pool')?.targetPorts

test('nothing gives an empty catalog', () => {
  const { catalog, problems } = compile([])
  expect(catalog).toEqual(emptyCatalog)
  expect(problems).toEqual([])
})

test('what is nested without end in a field that nobody knows is passed over with it', () => {
  const endless = Array.from({ length: 9_000 }).reduce<object>((inner) => ({ inner }), {})
  const { catalog, problems } = compile([poolV1({ endless }), route([rule('llama', { pool: 1 }), { endless }])])
  expect([...catalog.pools.keys()]).toEqual(['default/pool'])
  expect(problems).toEqual([expect.stringContaining('spec.endless: warning: unknown field')])
})

test('resources compile into one catalog', () => {
  const { catalog, problems } = compile([
    model({}, { annotations: { 'signalbox.dev/sticky-by': 'header/X-User' } }),
    route([rule('llama', { pool: 5 })]),
    poolV1alpha2(),
    adapterMap({ baseModel: 'llama', adapters: '- lora' }),
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'other' } },
  ])
  expect(problems).toEqual([])
  const pool = catalog.pools.get('default/pool')
  expect(catalog.models.get('llama')).toEqual({
    rules: [
      {
        source: 'InferenceModel default/model',
        modelName: 'llama',
        pool,
        priority: 0,
        targets: [{ name: 'llama', weight: 1, literal: Buffer.from('"llama"') }],
        totalWeight: 1,
        stickyBy: { kind: 'header', name: 'x-user' },
      },
    ],
    weights: [5],
    totalWeight: 5,
  })
  expect(catalog.models.get('llama')?.rules[0].pool).toBe(pool)
  expect(catalog.baseModels.get('lora')).toBe('llama')
  expect(catalog.headerNames).toEqual(['x-user'])
})

test('headerNames has each header once, in order', () => {
  const sticky = (name: string, header: string) =>
    model({ modelName: name }, { name, annotations: { 'signalbox.dev/sticky-by': `header/${header}` } })
  const user = model({ modelName: 'u' }, { name: 'u', annotations: { 'signalbox.dev/sticky-by': 'user' } })
  const rewritten = (name: string, rules: Fields[], header: string) =>
    rewrite(rules, { name, annotations: { 'signalbox.dev/sticky-by': `header/${header}` } })
  const { catalog } = compile([
    poolV1(),
    sticky('a', 'X-B'),
    sticky('b', 'x-a'),
    sticky('c', 'x-b'),
    user,
    rewritten('exact', [rewriteRule('x', 'm')], 'X-D'),
    rewritten('generic', [rewriteRule('x')], 'X-C'),
    rewritten('late', [rewriteRule('x')], 'X-Unused'),
  ])
  expect(catalog.headerNames).toEqual(['x-a', 'x-b', 'x-c', 'x-d'])
})

describe('invalid resources', () => {
  test('are left out, and harm no other', () => {
    const { catalog, problems } = compile([
      poolV1(),
      poolV1({ targetPorts: [] }, { name: 'broken' }),
      model(),
      model({ modelName: 'x'.repeat(257) }, { name: 'long' }),
    ])
    expect([...catalog.pools.keys()]).toEqual(['default/pool'])
    expect([...catalog.models.keys()]).toEqual(['llama'])
    expect(problems).toEqual([
      'InferencePool broken spec.targetPorts: found 0 items, allowed: at least 1',
      'InferenceModel long spec.modelName: found 257 characters, allowed: 0 to 256',
    ])
  })

  test('a model of a pool that is not there', () => {
    const { catalog, problems } = compile([
      poolV1({}, { name: 'qwen-pool' }),
      model({ poolRef: { name: 'qwenpool' } }, { name: 'a' }),
      model({ poolRef: { name: 'other' } }, { name: 'b' }),
      model({ poolRef: { name: 'qwen-pool' } }, { name: 'c', namespace: 'prod' }),
    ])
    expect(catalog.models.size).toBe(0)
    expect(problems).toEqual([
      'InferenceModel a spec.poolRef.name: there is no valid InferencePool default/qwenpool, did you mean qwen-pool?',
      'InferenceModel b spec.poolRef.name: there is no valid InferencePool default/other',
      'InferenceModel c spec.poolRef.name: there is no valid InferencePool prod/qwen-pool',
    ])
  })

  test('stay as they were when they were good', () => {
    const before = compile([poolV1({ targetPorts: [{ number: 1 }] })])
    const broken = poolV1({ targetPorts: [] })
    const after = compile([broken], { previous: before.compiled })
    expect(portsOf(after)).toEqual([1])
    expect(after.problems).toEqual([
      'InferencePool pool spec.targetPorts: found 0 items, allowed: at least 1; the last valid version stays in use',
    ])
    expect(portsOf(compile([broken], { previous: after.compiled }))).toEqual([1])
  })

  test('stay as they were when a pool moves to v1 with a mistake', () => {
    const before = compile([poolV1alpha2({ targetPortNumber: 1 })])
    const after = compile([poolV1({ selector: { app: 'vllm' } })], { previous: before.compiled })
    expect(portsOf(after)).toEqual([1])
  })

  test('objectives and rewrites stay as they were, too', () => {
    const good = [poolV1(), objective({ priority: 3 }), rewrite([rewriteRule('v1', 'm')])]
    const before = compile(good)
    expect(before.problems).toEqual([])
    const after = compile([poolV1(), objective({ priority: 'no' }), rewrite([{}])], { previous: before.compiled })
    expect(after.catalog.objectives).toEqual(before.catalog.objectives)
    expect(after.catalog.rewrites).toEqual(before.catalog.rewrites)
    expect(after.problems).toEqual([
      'InferenceObjective objective spec.priority: found "no", allowed: an integer; the last valid version stays in use',
      'InferenceModelRewrite rewrite spec.rules[0].targets: missing, allowed: a list; the last valid version stays in use',
    ])
  })

  test('do not stay when they are deleted, and do not come back', () => {
    const before = compile([poolV1()])
    const deleted = compile([], { previous: before.compiled })
    expect(portsOf(deleted)).toBeUndefined()
    expect(portsOf(compile([poolV1({ targetPorts: [] })], { previous: deleted.compiled }))).toBeUndefined()
  })

  test('do not stay when the resource is no longer ours', () => {
    const before = compile([adapterMap({ baseModel: 'llama' })])
    const after = compile([adapterMap({ baseModel: 'llama' }, { labels: {} })], { previous: before.compiled })
    expect(after.catalog.baseModels.size).toBe(0)
  })

  test('keep their place in the order of reading', () => {
    const first = model({ targetModels: [{ name: 'first' }] }, { name: 'first' })
    const second = model({ targetModels: [{ name: 'second' }] }, { name: 'second' })
    const before = compile([poolV1(), first, second])
    const after = compile([poolV1(), model({ criticality: 'no' }, { name: 'first' }), second], {
      previous: before.compiled,
    })
    expect(after.catalog.models.get('llama')?.rules[0].targets[0].name).toBe('first')
  })
})

describe('resources of one name', () => {
  test('the first is used', () => {
    const twice = compile([poolV1({ targetPorts: [{ number: 1 }] }), poolV1({ targetPorts: [{ number: 2 }] })])
    expect(portsOf(twice)).toEqual([1])
    expect(twice.problems).toEqual([
      'InferencePool pool metadata.name: InferencePool default/pool is already given at InferencePool pool, which is used',
    ])
  })

  test('the first that is valid is used', () => {
    const twice = compile([poolV1({ targetPorts: [] }), poolV1({ targetPorts: [{ number: 2 }] })])
    expect(portsOf(twice)).toEqual([2])
    expect(twice.problems).toEqual(['InferencePool pool spec.targetPorts: found 0 items, allowed: at least 1'])
  })

  test('the valid one is used rather than the last good one', () => {
    const before = compile([poolV1({ targetPorts: [{ number: 1 }] })])
    const twice = [poolV1({ targetPorts: [] }), poolV1({ targetPorts: [{ number: 2 }] })]
    const after = compile(twice, { previous: before.compiled })
    expect(portsOf(after)).toEqual([2])
    expect(after.problems).toEqual(['InferencePool pool spec.targetPorts: found 0 items, allowed: at least 1'])
  })

  test.each([
    ['first', (v1: Fields, v1alpha2: Fields) => [v1, v1alpha2]],
    ['last', (v1: Fields, v1alpha2: Fields) => [v1alpha2, v1]],
  ])('a pool of v1 wins over one of v1alpha2, %s', (_, inOrder) => {
    const both = inOrder(poolV1({ targetPorts: [{ number: 1 }] }), poolV1alpha2({ targetPortNumber: 2 }))
    const { catalog, problems } = compile([...both, model()])
    expect(catalog.pools.get('default/pool')?.targetPorts).toEqual([1])
    expect(catalog.models.get('llama')?.rules[0].pool.targetPorts).toEqual([1])
    expect(problems).toEqual([
      'InferencePool pool apiVersion: warning: InferencePool default/pool is also given as inference.networking.k8s.io/v1 at InferencePool pool, which wins',
    ])
  })

  test.each([
    ['first', ([legacy, successor]: readonly string[]) => [successor, legacy]],
    ['last', ([legacy, successor]: readonly string[]) => [legacy, successor]],
  ])('an objective or rewrite of llm-d.ai wins over its legacy twin, %s', (_, inOrder) => {
    const versions = inOrder(policyVersions)
    const priorities = versions.map((apiVersion) => (apiVersion.startsWith('llm-d.ai/') ? 7 : 8))
    const { catalog, problems } = compile([
      poolV1(),
      ...versions.map((apiVersion, i) => ({ ...objective({ priority: priorities[i] }), apiVersion })),
      ...versions.map((apiVersion, i) => ({ ...rewrite([rewriteRule(`to ${priorities[i]}`, 'm')]), apiVersion })),
    ])
    expect(catalog.objectives.get('default/objective')?.priority).toBe(7)
    expect(catalog.rewrites.get('default/pool')?.exact.get('m')?.targets[0].name).toBe('to 7')
    expect(problems).toEqual([
      'InferenceObjective objective apiVersion: warning: InferenceObjective default/objective is also given as llm-d.ai/v1alpha2 at InferenceObjective objective, which wins',
      'InferenceModelRewrite rewrite apiVersion: warning: InferenceModelRewrite default/rewrite is also given as llm-d.ai/v1alpha2 at InferenceModelRewrite rewrite, which wins',
    ])
  })

  test('a valid objective of the legacy group is used rather than an invalid one of llm-d.ai', () => {
    const { catalog, problems } = compile([
      poolV1(),
      objective({ priority: 'high' }),
      { ...objective({ priority: 8 }), apiVersion: policyVersions[0] },
    ])
    expect(catalog.objectives.get('default/objective')?.priority).toBe(8)
    expect(problems).toEqual(['InferenceObjective objective spec.priority: found "high", allowed: an integer'])
  })

  test('a route has no newer version: the first is used', () => {
    const beta = { ...route([rule('llama', { pool: 2 })]), apiVersion: 'gateway.networking.k8s.io/v1beta1' }
    const { catalog, problems } = compile([poolV1(), model(), route([rule('llama', { pool: 1 })]), beta])
    expect(catalog.models.get('llama')?.weights).toEqual([1])
    expect(problems).toEqual([
      'HTTPRoute route metadata.name: HTTPRoute default/route is already given at HTTPRoute route, which is used',
    ])
  })

  test('in other namespaces they are others', () => {
    const { catalog, problems } = compile([poolV1(), poolV1({}, { namespace: 'prod' })])
    expect([...catalog.pools.keys()]).toEqual(['default/pool', 'prod/pool'])
    expect(problems).toEqual([])
  })
})

describe('onlyPool', () => {
  const onlyPool = { namespace: 'prod', name: 'pool' }
  const prod = { namespace: 'prod' }

  test('leaves out other pools and their models, valid or not', () => {
    const { catalog, problems } = compile(
      [
        poolV1({}, prod),
        poolV1(),
        poolV1({ targetPorts: [] }, { name: 'other', ...prod }),
        model({}, prod),
        model({ modelName: 'elsewhere' }),
        model({ modelName: 'lost', poolRef: { name: 'lost' } }, prod),
        model({ criticality: 'no', poolRef: { name: 'other' } }, { name: 'no', ...prod }),
        adapterMap({ baseModel: 'llama' }),
        objective({}, prod),
        objective({}, { name: 'elsewhere' }),
        objective({ priority: 'no', poolRef: { name: 'other' } }, { name: 'other', ...prod }),
        rewrite([rewriteRule('x', 'here')], prod),
        rewrite([rewriteRule('x', 'elsewhere')]),
        rewrite({}, { name: 'other', ...prod }, { poolRef: { name: 'other' } }),
      ],
      { onlyPool },
    )
    expect([...catalog.pools.keys()]).toEqual(['prod/pool'])
    expect([...catalog.objectives.keys()]).toEqual(['prod/objective'])
    expect([...catalog.rewrites.keys()]).toEqual(['prod/pool'])
    expect([...catalog.poolsByName.keys()]).toEqual(['here'])
    expect([...catalog.models.keys()]).toEqual(['llama'])
    expect([...catalog.baseModels.keys()]).toEqual(['llama'])
    expect(problems).toEqual([])
  })

  test('still reports the pool itself and its models', () => {
    const { problems } = compile([poolV1({ targetPorts: [] }, prod), model({}, prod), model({ poolRef: {} }, prod)], {
      onlyPool,
    })
    expect(problems).toEqual([
      'InferencePool pool spec.targetPorts: found 0 items, allowed: at least 1',
      'InferenceModel model spec.poolRef.name: missing, allowed: a string',
      'InferenceModel model spec.poolRef.name: there is no valid InferencePool prod/pool',
    ])
  })

  test('goes by the default namespace where none is given', () => {
    const { catalog } = compile([poolV1(), model()], { onlyPool, defaultNamespace: 'prod' })
    expect([...catalog.pools.keys()]).toEqual(['prod/pool'])
    expect([...catalog.models.keys()]).toEqual(['llama'])
  })
})

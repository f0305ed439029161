import { expect, test } from 'vitest'
import { compileCatalog } from '../../src/catalog/compile.ts'
import { formatProblem } from '../../src/catalog/problem.ts'
import { type Fields, objective, poolV1, poolV1alpha2, resource } from './resources.ts'

function compile(...objects: Fields[]) {
  const { catalog, problems } = compileCatalog(objects.map(resource))
  return { objectives: Object.fromEntries(catalog.objectives), problems: problems.map(formatProblem) }
}

test('objectives are known by namespace and name', () => {
  const pools = [poolV1(), poolV1({}, { namespace: 'prod' })]
  expect(compile(...pools, objective({ priority: -5 }), objective({ priority: 3 }, { namespace: 'prod' }))).toEqual({
    objectives: {
      'default/objective': { source: 'InferenceObjective default/objective', poolKey: 'default/pool', priority: -5 },
      'prod/objective': { source: 'InferenceObjective prod/objective', poolKey: 'prod/pool', priority: 3 },
    },
    problems: [],
  })
})

test.each([
  ['v1', poolV1()],
  ['v1alpha2', poolV1alpha2()],
])('a pool of %s is the same pool in either group', (_, pool) => {
  for (const group of [undefined, 'inference.networking.k8s.io', 'inference.networking.x-k8s.io']) {
    expect(compile(pool, objective({ poolRef: { name: 'pool', group } })).objectives).toHaveProperty([
      'default/objective',
      'poolKey',
    ])
  }
})

test('one of a pool that is not there is left out', () => {
  expect(compile(poolV1({}, { name: 'qwen-pool' }), objective({ poolRef: { name: 'qwenpool' } }))).toEqual({
    objectives: {},
    problems: [
      'InferenceObjective objective spec.poolRef.name: there is no valid InferencePool default/qwenpool, did you mean qwen-pool?',
    ],
  })
})

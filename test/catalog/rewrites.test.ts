import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RewriteRule } from '../../src/catalog/catalog.ts'
import { compileCatalog } from '../../src/catalog/compile.ts'
import { formatProblem } from '../../src/catalog/problem.ts'
import { type Fields, poolV1, resource, rewrite, rewriteRule, route, rule } from './resources.ts'

const pools = ['pool', 'other'].map((name) => poolV1({}, { name }))

const inShort = (found: RewriteRule | undefined) => found && `${found.targets[0].name} of ${found.name}`

function compile(...objects: Fields[]) {
  const { catalog, problems } = compileCatalog([...pools, ...objects].map(resource))
  const rewrites = [...catalog.rewrites].map(([key, { exact, generic }]) => {
    const entries = [...exact].map(([model, found]) => [model, inShort(found)])
    return [key, { ...Object.fromEntries(entries), ...(generic && { '*': inShort(generic) }) }]
  })
  return { catalog, rewrites: Object.fromEntries(rewrites), problems: problems.map(formatProblem) }
}

/** @param day of January; the youngest without one */
const dated = (name: string, rules: Fields[], day?: number, pool = 'pool') => {
  const creationTimestamp = day === undefined ? undefined : `2026-01-${String(day).padStart(2, '0')}T00:00:00Z`
  return rewrite(rules, { name, creationTimestamp }, { poolRef: { name: pool } })
}

test('a rule has what requests are divided by', () => {
  const targets = [
    { modelRewrite: 'v1', weight: 90 },
    { modelRewrite: 'v2', weight: 10 },
  ]
  const metadata = { annotations: { 'signalbox.dev/sticky-by': 'user' } }
  const { catalog, problems } = compile(rewrite([{ targets }], metadata))
  expect(problems).toEqual([])
  expect(catalog.rewrites.get('default/pool')?.generic).toEqual({
    source: 'InferenceModelRewrite default/rewrite',
    name: 'rewrite',
    targets: [
      { name: 'v1', weight: 90, literal: Buffer.from('"v1"') },
      { name: 'v2', weight: 10, literal: Buffer.from('"v2"') },
    ],
    totalWeight: 100,
    stickyBy: { kind: 'user' },
  })
})

test('targets without weights get the same', () => {
  const targets = ['v1', 'v2'].map((modelRewrite) => ({ modelRewrite }))
  const found = compile(rewrite([{ targets }])).catalog.rewrites.get('default/pool')?.generic
  expect(found).toMatchObject({ totalWeight: 2, targets: [{ weight: 1 }, { weight: 1 }] })
})

test('a rule applies to each of the models that it matches', () => {
  expect(compile(rewrite([rewriteRule('x', 'a', 'b'), rewriteRule('y', 'c')]))).toMatchObject({
    rewrites: { 'default/pool': { a: 'x of rewrite', b: 'x of rewrite', c: 'y of rewrite' } },
    problems: [],
  })
})

test('rewrites of different pools are apart', () => {
  expect(compile(dated('a', [rewriteRule('x', 'm')]), dated('b', [rewriteRule('y', 'm')], 1, 'other'))).toMatchObject({
    rewrites: { 'default/other': { m: 'y of b' }, 'default/pool': { m: 'x of a' } },
    problems: [],
  })
})

test('one of a pool that is not there is left out', () => {
  expect(compile(dated('a', [rewriteRule('x', 'm')], 1, 'othr'))).toMatchObject({
    rewrites: {},
    problems: [
      'InferenceModelRewrite a spec.poolRef.name: there is no valid InferencePool default/othr, did you mean other?',
    ],
  })
})

test('a pool whose rewrites have no rules has none', () => {
  expect(compile(rewrite([])).catalog.rewrites.size).toBe(0)
})

describe('of several rules', () => {
  const place = (name: string) => `InferenceModelRewrite ${name}`
  const says = (name: string) => `warning: InferenceModelRewrite default/${name}`

  test('one that matches exactly stands beside the generic one, whichever is older', () => {
    expect(compile(dated('a', [rewriteRule('any')], 1), dated('b', [rewriteRule('x', 'm')], 2))).toMatchObject({
      rewrites: { 'default/pool': { m: 'x of b', '*': 'any of a' } },
      problems: [],
    })
  })

  test('the oldest has a name', () => {
    const young = dated('young', [rewriteRule('x', 'm', 'n')], 2)
    const old = dated('old', [rewriteRule('y', 'n')], 1)
    expect(compile(young, old)).toMatchObject({
      rewrites: { 'default/pool': { m: 'x of young', n: 'y of old' } },
      problems: [
        `${place('young')} spec.rules[0].matches[1].model.value: ${says('old')} rewrites "n" in pool default/pool and is older`,
      ],
    })
  })

  test('the oldest has every other name', () => {
    expect(
      compile(
        dated('undated', [rewriteRule('x')]),
        dated('young', [rewriteRule('y')], 2),
        dated('old', [rewriteRule('z')], 1),
      ),
    ).toMatchObject({
      rewrites: { 'default/pool': { '*': 'z of old' } },
      problems: ['young', 'undated'].map(
        (name) =>
          `${place(name)} spec.rules[0]: ${says('old')} rewrites every other model in pool default/pool and is older`,
      ),
    })
  })

  test('the first by name of one age has it, whichever is read first', () => {
    expect(compile(dated('b', [rewriteRule('x', 'm')], 1), dated('a', [rewriteRule('y', 'm')], 1))).toMatchObject({
      rewrites: { 'default/pool': { m: 'y of a' } },
      problems: [
        `${place('b')} spec.rules[0].matches[0].model.value: ${says('a')} rewrites "m" in pool default/pool and is as old, with a name that comes first`,
      ],
    })
  })

  test('the first of one resource has it', () => {
    const rules = [rewriteRule('x', 'm'), rewriteRule('y'), rewriteRule('z', 'm', 'n'), rewriteRule('w')]
    expect(compile(rewrite(rules))).toMatchObject({
      rewrites: { 'default/pool': { m: 'x of rewrite', n: 'z of rewrite', '*': 'y of rewrite' } },
      problems: [
        `${place('rewrite')} spec.rules[2].matches[0].model.value: ${says('rewrite')} rewrites "m" in pool default/pool by an earlier rule`,
        `${place('rewrite')} spec.rules[3]: ${says('rewrite')} rewrites every other model in pool default/pool by an earlier rule`,
      ],
    })
  })

  test('exact goes before generic, then older before younger, then earlier before later', () => {
    const models = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 })
    const given = fc.array(
      fc.record({ rules: fc.array(models, { maxLength: 3 }), day: fc.option(fc.integer({ min: 1, max: 3 })) }),
    )
    fc.assert(
      fc.property(given, (list) => {
        const objects = list.map(({ rules, day }, i) =>
          dated(
            `r${i}`,
            rules.map((names, at) => rewriteRule(`target ${at}`, ...names)),
            day ?? undefined,
          ),
        )
        const { rewrites, catalog } = compile(...objects)
        const found = rewrites['default/pool'] ?? {}
        const all = list.flatMap(({ rules, day }, i) =>
          rules.map((names, at) => ({ names, day: day ?? 99, text: `target ${at} of r${i}` })),
        )
        const best = (fits: (names: readonly string[]) => boolean) =>
          all.filter(({ names }) => fits(names)).toSorted((a, b) => a.day - b.day)[0]?.text
        for (const name of ['a', 'b', 'c']) {
          expect(found[name]).toBe(best((names) => names.includes(name)))
          expect(catalog.poolsByName.has(name)).toBe(name in found)
        }
        expect(found['*']).toBe(best((names) => names.length === 0))
      }),
    )
  })
})

describe('the pools that rewrite a name share its requests', () => {
  const both = [dated('a', [rewriteRule('x', 'm')]), dated('b', [rewriteRule('y', 'm')], 1, 'other')]
  function sharesOf(...others: Fields[]) {
    const { pools: found, weights, totalWeight } = compile(...both, ...others).catalog.poolsByName.get('m')!
    expect(totalWeight).toBe(weights.reduce((sum, weight) => sum + weight, 0))
    return Object.fromEntries(found.map(({ name }, i) => [name, weights[i]]))
  }

  test('evenly without a route', () => {
    expect(sharesOf()).toEqual({ pool: 1, other: 1 })
  })

  test('by the rule that matches the name', () => {
    expect(sharesOf(route([rule('x', { pool: 7 }), rule('m', { pool: 80, other: 20 })]))).toEqual({
      pool: 80,
      other: 20,
    })
  })
})

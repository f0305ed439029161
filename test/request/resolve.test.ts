import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Catalog, StickyKey } from '../../src/catalog/catalog.ts'
import { maxModelBytes } from '../../src/request/limits.ts'
import {
  hashToShare,
  lacksStickyKey,
  type ModelRequest,
  mayRename,
  type Route,
  resolve,
} from '../../src/request/resolve.ts'
import { seededRandom } from '../scheduling/endpoints.ts'
import { type CatalogInput, catalogOf, type RuleInput, type SplitInput } from './catalog-of.ts'

type Asked = {
  model?: string | undefined
  poolHint?: string | undefined
  objective?: string
  modelRewrite?: string | undefined
  sticky?: Readonly<Record<string, string>>
}

function requestOf({ model, poolHint, objective, modelRewrite, sticky = {} }: Asked): ModelRequest {
  const stickyValue = (key: StickyKey) => sticky[key.kind === 'header' ? key.name : key.kind]
  return { model, poolHint, objective, modelRewrite, stickyValue }
}

const routeOf = (catalog: Catalog, asked: Asked, random = () => 0) =>
  resolve(catalog, requestOf(asked), false, random) as Route

/** `pool/target`, or the code of the refusal. */
function resolved(catalog: Catalog, asked: Asked, rejectsUnknown = false, random = () => 0): string {
  const route = resolve(catalog, requestOf(asked), rejectsUnknown, random)
  if ('code' in route) return route.code
  return `${route.pool?.key ?? 'no pool'} ${route.target?.name ?? 'as it is'}`
}

const onePool = catalogOf({
  pools: ['default/qwen'],
  models: {
    qwen: { pool: 'default/qwen', targets: { qwen: 1 } },
    chat: { pool: 'default/qwen', targets: { lora: 1 } },
  },
})
const twoPools = catalogOf({
  pools: ['default/a', 'default/b'],
  models: {
    one: { pool: 'default/a', targets: { one: 1 } },
    both: [
      { pool: 'default/a', targets: { 'both-a': 1 }, poolWeight: 3 },
      { pool: 'default/b', targets: { 'both-b': 1 }, poolWeight: 1 },
    ],
  },
})
const noPools = catalogOf({})

describe('the pool and the target of a request', () => {
  const cases: [name: string, Catalog, Asked, rejectsUnknown: boolean, wanted: string][] = [
    ["the model's rule", onePool, { model: 'chat' }, false, 'default/qwen lora'],
    ['the only pool for a model without a rule', onePool, { model: 'llama' }, false, 'default/qwen as it is'],
    ['the only pool without a model', onePool, {}, true, 'default/qwen as it is'],
    ['no pool among several', twoPools, { model: 'llama' }, false, 'no pool as it is'],
    ['no pool among none', noPools, { model: 'llama' }, false, 'no pool as it is'],
    ['unknown models rejected', onePool, { model: 'llama' }, true, 'model_not_found'],
    [
      'the pool that the stream names',
      twoPools,
      { model: 'llama', poolHint: 'default/b' },
      false,
      'default/b as it is',
    ],
    ['its rule of the model', twoPools, { model: 'both', poolHint: 'default/b' }, false, 'default/b both-b'],
    ["not another pool's rule", twoPools, { model: 'one', poolHint: 'default/b' }, false, 'default/b as it is'],
    ["unknown to the stream's pool", twoPools, { model: 'one', poolHint: 'default/b' }, true, 'model_not_found'],
    ['a pool that is not here', twoPools, { model: 'one', poolHint: 'default/c' }, false, 'pool_not_found'],
    ['a pool that is not here, without a model', twoPools, { poolHint: 'default/c' }, false, 'pool_not_found'],
  ]
  test.each(cases)('%s', (_name, catalog, asked, rejectsUnknown, wanted) => {
    expect(resolved(catalog, asked, rejectsUnknown)).toBe(wanted)
  })

  const refusalOf = (model: string, catalog = onePool) => resolve(catalog, requestOf({ model }), true, () => 0)

  test('an unknown model is told the name that it may have meant', () => {
    expect(refusalOf('qwem')).toMatchObject({
      status: 404,
      message: 'the model "qwem" is not served here; did you mean "qwen"?',
    })
  })

  test('but a name is not compared with any number of others, nor a long one at all', () => {
    const names = Array.from({ length: 201 }, (_, i) => `qwen-${i}`)
    const models = Object.fromEntries(names.map((name) => [name, { pool: 'default/a', targets: { qwen: 1 } }]))
    const large = catalogOf({ pools: ['default/a'], models })
    expect(refusalOf('qwem', large)).toMatchObject({ message: 'the model "qwem" is not served here' })
    const long = `qwen${'n'.repeat(61)}`
    expect(refusalOf(long)).toMatchObject({ message: `the model "${long}" is not served here` })
  })
})

describe('base models', () => {
  const catalog = catalogOf({
    pools: ['default/qwen'],
    models: { chat: { pool: 'default/qwen', targets: { lora: 1 } } },
    baseModels: { lora: 'qwen', qwen: 'qwen' },
  })
  const baseOf = (model: string | undefined) => routeOf(catalog, { model }).baseModel

  test.each([
    ['lora', 'qwen'],
    ['qwen', 'qwen'],
    // By the adapter that it becomes.
    ['chat', 'qwen'],
    ['llama', undefined],
    [undefined, undefined],
  ])('%s: %s', (model, base) => expect(baseOf(model)).toBe(base))

  test.each([
    ['lora', 'default/qwen as it is'],
    ['qwen', 'default/qwen as it is'],
    ['llama', 'model_not_found'],
  ])('%s is known if a ConfigMap names it: %s', (model, wanted) => {
    expect(resolved(catalog, { model }, true)).toBe(wanted)
  })
})

describe('weights', () => {
  const draws = 100_000

  function countsOf(catalog: Catalog, model: string): Record<string, number> {
    const random = seededRandom(1)
    const counts: Record<string, number> = {}
    for (let i = 0; i < draws; i++) {
      const result = resolved(catalog, { model }, false, random)
      counts[result] = (counts[result] ?? 0) + 1
    }
    return counts
  }

  /** Within 4.5 standard deviations of the binomial distribution. */
  function expectShare(count: number, share: number): void {
    const deviation = Math.sqrt(draws * share * (1 - share))
    expect(Math.abs(count - draws * share)).toBeLessThan(4.5 * deviation)
  }

  test('targets are drawn by weight', () => {
    const targets = { a: 90, b: 9, c: 1 }
    const catalog = catalogOf({ pools: ['d/p'], models: { m: { pool: 'd/p', targets } } })
    const counts = countsOf(catalog, 'm')
    for (const [name, weight] of Object.entries(targets)) expectShare(counts[`d/p ${name}`], weight / 100)
  })
  test('a target of weight 0 is never drawn', () => {
    const catalog = catalogOf({ pools: ['d/p'], models: { m: { pool: 'd/p', targets: { a: 0, b: 1, c: 0 } } } })
    expect(countsOf(catalog, 'm')).toEqual({ 'd/p b': draws })
    expect(resolved(catalog, { model: 'm' }, false, () => 0)).toBe('d/p b')
  })
  test('pools are drawn by weight, each with its own targets', () => {
    const counts = countsOf(twoPools, 'both')
    expectShare(counts['default/a both-a'], 0.75)
    expectShare(counts['default/b both-b'], 0.25)
  })
  test('the largest random number draws the last one', () => {
    expect(resolved(twoPools, { model: 'both' }, false, () => 1 - 2 ** -53)).toBe('default/b both-b')
  })
  test('sticky values are spread by weight, too', () => {
    const targets = { a: 3, b: 1 }
    const catalog = catalogOf({ pools: ['d/p'], models: { m: { pool: 'd/p', targets, stickyBy: { kind: 'user' } } } })
    let count = 0
    for (let i = 0; i < draws; i++) {
      if (resolved(catalog, { model: 'm', sticky: { user: `user-${i}` } }) === 'd/p a') count++
    }
    expectShare(count, 0.75)
  })
})

describe('sticky targets', () => {
  const catalogWith = (targets: Record<string, number>, stickyBy: StickyKey = { kind: 'user' }) =>
    catalogOf({ pools: ['d/p'], models: { m: { pool: 'd/p', targets, stickyBy } } })

  test('one value, one target, whatever is drawn', () => {
    const catalog = catalogWith({ a: 1, b: 1 }, { kind: 'header', name: 'x-session' })
    for (let i = 0; i < 100; i++) {
      const asked = { model: 'm', sticky: { 'x-session': `s${i}` } }
      expect(resolved(catalog, asked, false, () => 0)).toBe(resolved(catalog, asked, false, () => 0.99))
    }
  })
  test('one value has different shares of different models', () => {
    const split = { pool: 'd/p', targets: { a: 1, b: 1 }, stickyBy: { kind: 'user' } } as const
    const catalog = catalogOf({ pools: ['d/p'], models: { m: split, n: split } })
    const users = Array.from({ length: 100 }, (_, i) => ({ user: `u${i}` }))
    const differing = users.filter((sticky) => {
      return resolved(catalog, { model: 'm', sticky }) !== resolved(catalog, { model: 'n', sticky })
    })
    expect(differing.length).toBeGreaterThan(25)
    expect(differing.length).toBeLessThan(75)
  })
  test('no value: drawn', () => {
    const catalog = catalogWith({ a: 1, b: 1 })
    expect(resolved(catalog, { model: 'm' }, false, () => 0.1)).toBe('d/p a')
    expect(resolved(catalog, { model: 'm' }, false, () => 0.9)).toBe('d/p b')
  })
  test('an empty value is one', () => {
    const catalog = catalogWith({ a: 1, b: 1 })
    const asked = { model: 'm', sticky: { user: '' } }
    expect(resolved(catalog, asked, false, () => 0.1)).toBe(resolved(catalog, asked, false, () => 0.9))
  })
  test('whoever has a target keeps it when its weight grows', () => {
    const weight = fc.integer({ min: 1, max: 100 })
    fc.assert(
      fc.property(
        fc.array(weight, { minLength: 2, maxLength: 4 }),
        fc.nat(),
        weight,
        fc.string(),
        (weights, at, more, user) => {
          const grown = at % weights.length
          const named = (list: readonly number[]) => Object.fromEntries(list.map((w, i) => [`t${i}`, w]))
          const asked = { model: 'm', sticky: { user } }
          const before = resolved(catalogWith(named(weights)), asked)
          const after = resolved(catalogWith(named(weights.with(grown, weights[grown] + more))), asked)
          if (before === `d/p t${grown}`) expect(after).toBe(before)
        },
      ),
      { numRuns: 2000 },
    )
  })
  test('of two targets, only users of the other one move to the one that grows', () => {
    const shares = [50, 60, 90, 100].map((a) => catalogWith({ a, b: 100 - a }))
    for (let i = 0; i < 1000; i++) {
      const path = shares.map((catalog) => resolved(catalog, { model: 'm', sticky: { user: `u${i}` } })).join()
      expect(path).toMatch(/^(d\/p b,?)*(d\/p a,?)*$/)
    }
  })
})

describe('what the body has still to show', () => {
  const rule = (targets: Record<string, number>, stickyBy?: StickyKey): RuleInput => {
    return stickyBy === undefined ? { pool: 'd/p', targets } : { pool: 'd/p', targets, stickyBy }
  }
  const catalog = catalogOf({
    pools: ['d/p'],
    models: {
      plain: rule({ plain: 1 }),
      renamed: rule({ other: 1 }),
      split: rule({ split: 1, other: 1 }),
      byUser: rule({ a: 1, b: 1 }, { kind: 'user' }),
      byHeader: rule({ a: 1, b: 1 }, { kind: 'header', name: 'x-session' }),
      byApiKey: rule({ a: 1, b: 1 }, { kind: 'api-key' }),
      byCacheKey: rule({ a: 1, b: 1 }, { kind: 'prompt-cache-key' }),
      notYet: rule({ notYet: 99, b: 0 }, { kind: 'user' }),
      allNew: rule({ allNew: 0, b: 100 }, { kind: 'user' }),
      alone: rule({ alone: 1 }, { kind: 'user' }),
    },
  })
  test.each([
    ['plain', false, false],
    ['renamed', false, true],
    ['split', false, true],
    ['byUser', true, true],
    ['byHeader', false, true],
    ['byApiKey', false, true],
    ['byCacheKey', true, true],
    ['notYet', false, false],
    ['allNew', false, true],
    ['alone', false, false],
    ['unknown', false, false],
    [undefined, false, false],
  ])('%s: field %s, new name %s', (model, field, rename) => {
    expect(lacksStickyKey(catalog, requestOf({ model }))).toBe(field)
    expect(mayRename(catalog, requestOf({ model }))).toBe(rename)
  })

  test.each<[model: string, poolHint: string | undefined, modelRewrite: string | undefined, boolean, boolean]>([
    // The header instead of the rule.
    ['byUser', undefined, 'byUser', false, false],
    ['byUser', undefined, 'other', false, true],
    ['plain', undefined, 'other', false, true],
    // No pool: there is nobody to send another model to.
    ['unknown', undefined, 'other', false, false],
    ['unknown', 'd/p', 'other', false, true],
    ['unknown', undefined, 'unknown', false, false],
    // The rewrite instead of both.
    ['kept', 'd/rewriting', 'other', false, false],
    ['renamed', 'd/rewriting', undefined, true, true],
    ['new', undefined, undefined, true, true],
    // Only the pools that the request may get count.
    ['byUser', 'd/rewriting', undefined, false, true],
    ['byUser', 'd/p', undefined, true, true],
    ['plain', 'd/rewriting', undefined, false, true],
    ['plain', 'd/nowhere', undefined, false, false],
  ])('%s in %s with header %s: user %s, new name %s', (model, poolHint, modelRewrite, user, rename) => {
    const rewriting = catalogOf({
      pools: ['d/p', 'd/rewriting'],
      models: { plain: rule({ plain: 1 }), byUser: rule({ a: 1, b: 1 }, { kind: 'user' }) },
      rewrites: {
        'd/rewriting': {
          kept: { targets: { kept: 1 } },
          renamed: { targets: { a: 1, b: 1 }, stickyBy: { kind: 'user' } },
          new: { targets: { a: 1, b: 1 }, stickyBy: { kind: 'user' } },
          '*': { targets: { any: 1 } },
        },
      },
    })
    const request = requestOf({ model, poolHint, modelRewrite })
    expect(lacksStickyKey(rewriting, request)).toBe(user)
    expect(mayRename(rewriting, request)).toBe(rename)
  })
})

describe('rewrites', () => {
  const rewriting = catalogOf({
    pools: ['d/a', 'd/b', 'd/c'],
    models: {
      ruled: { pool: 'd/a', targets: { rule: 1 }, priority: 1 },
      'in-c': { pool: 'd/c', targets: { rule: 1 } },
    },
    rewrites: {
      'd/a': { ruled: { targets: { exact: 1 } }, '*': { targets: { generic: 1 } } },
      'd/b': { named: { targets: { exact: 1 } }, ruled: { targets: { elsewhere: 1 } } },
    },
  })
  const oneGeneric = catalogOf({ pools: ['d/a'], rewrites: { 'd/a': { '*': { targets: { generic: 1 } } } } })

  const cases: [name: string, Catalog, Asked, wanted: string][] = [
    ["goes before the pool's rule", rewriting, { model: 'ruled' }, 'd/a exact'],
    ['goes before the header', rewriting, { model: 'ruled', modelRewrite: 'header' }, 'd/a exact'],
    ['of another pool does not count', rewriting, { model: 'in-c' }, 'd/c rule'],
    ['decides the pool of a name that it matches', rewriting, { model: 'named' }, 'd/b exact'],
    ['does not decide it when it matches every name', rewriting, { model: 'other' }, 'no pool as it is'],
    ['counts in the pool that the stream names', rewriting, { model: 'ruled', poolHint: 'd/b' }, 'd/b elsewhere'],
    ['matches every name there', rewriting, { model: 'other', poolHint: 'd/a' }, 'd/a generic'],
    [
      'matches the name that was asked for, not its target',
      rewriting,
      { model: 'in-c', poolHint: 'd/a' },
      'd/a generic',
    ],
    ['matches every name of the only pool', oneGeneric, { model: 'other' }, 'd/a generic'],
    ['has nothing to rewrite without a model', oneGeneric, {}, 'd/a as it is'],
  ]
  test.each(cases)('one %s', (_name, catalog, asked, wanted) => {
    expect(resolved(catalog, asked)).toBe(wanted)
  })

  test('are told, and leave the rule to give pool and priority', () => {
    const { rule, rewrite, priority } = routeOf(rewriting, { model: 'ruled' })
    expect([rule?.source, rewrite?.name, priority]).toEqual(['InferenceModel ruled', 'ruled', 1])
    expect(routeOf(rewriting, { model: 'in-c' }).rewrite).toBeUndefined()
  })

  test('make a model known', () => {
    expect(resolved(rewriting, { model: 'named' }, true)).toBe('d/b exact')
    expect(resolved(oneGeneric, { model: 'other' }, true)).toBe('d/a generic')
    expect(resolved(rewriting, { model: 'named', poolHint: 'd/c' }, true)).toBe('model_not_found')
    expect(resolved(rewriting, { model: 'other' }, true)).toBe('model_not_found')
  })

  test('of one name in several pools share its requests', () => {
    const split: SplitInput = { targets: { v2: 1 } }
    const catalog = catalogOf({ pools: ['d/a', 'd/b'], rewrites: { 'd/a': { m: split }, 'd/b': { m: split } } })
    expect(resolved(catalog, { model: 'm' }, false, () => 0.4)).toBe('d/a v2')
    expect(resolved(catalog, { model: 'm' }, false, () => 0.6)).toBe('d/b v2')
  })

  test('draw by weight, or stick to a user: the same one as an InferenceModel with these targets', () => {
    const split: SplitInput = { targets: { a: 3, b: 1 }, stickyBy: { kind: 'user' } }
    const byRewrite = catalogOf({ pools: ['d/p'], rewrites: { 'd/p': { m: split } } })
    const byGeneric = catalogOf({ pools: ['d/p'], rewrites: { 'd/p': { '*': split } } })
    const byRule = catalogOf({ pools: ['d/p'], models: { m: { pool: 'd/p', ...split } } })
    expect(resolved(byRewrite, { model: 'm' }, false, () => 0.74)).toBe('d/p a')
    expect(resolved(byRewrite, { model: 'm' }, false, () => 0.76)).toBe('d/p b')
    const seen = new Set<string>()
    for (let i = 0; i < 200; i++) {
      const asked = { model: 'm', sticky: { user: `u${i}` } }
      const wanted = resolved(byRule, asked)
      expect(resolved(byRewrite, asked, false, () => 0.99)).toBe(wanted)
      expect(resolved(byGeneric, asked, false, () => 0.99)).toBe(wanted)
      seen.add(wanted)
    }
    expect(seen.size).toBe(2)
  })
})

describe('a name that only a route leads to a pool', () => {
  const [a, b] = [...twoPools.pools.values()]
  const shares = { pools: [a, b], weights: [3, 1], totalWeight: 4 }
  const catalog = { ...twoPools, poolsByName: new Map([['routed', shares]]) }

  test('goes there, drawn by the weights of the route', () => {
    expect(resolved(catalog, { model: 'routed' }, false, () => 0.74)).toBe('default/a as it is')
    expect(resolved(catalog, { model: 'routed' }, false, () => 0.76)).toBe('default/b as it is')
  })

  test('is known, but not to another pool', () => {
    expect(resolved(catalog, { model: 'routed' }, true, () => 0)).toBe('default/a as it is')
    expect(resolved(catalog, { model: 'routed', poolHint: 'default/b' }, true)).toBe('default/b as it is')
    const onlyA = { ...catalog, poolsByName: new Map([['routed', { pools: [a], weights: [1], totalWeight: 1 }]]) }
    expect(resolved(onlyA, { model: 'routed', poolHint: 'default/b' }, true)).toBe('model_not_found')
  })
})

test('a name that a route leads to a Service is known', () => {
  const catalog = { ...twoPools, servedElsewhere: new Set(['elsewhere']) }
  expect(resolved(catalog, { model: 'elsewhere' }, true)).not.toBe('model_not_found')
  expect(resolved(catalog, { model: 'nowhere' }, true)).toBe('model_not_found')
})

describe('the header that names the target', () => {
  const targetOf = (modelRewrite: string | undefined, model: string | undefined = 'chat') =>
    routeOf(onePool, { model, modelRewrite }).target

  test('goes before the targets of an InferenceModel', () => {
    expect(targetOf('v2')).toEqual({ name: 'v2', weight: 1, literal: Buffer.from('"v2"') })
    expect(routeOf(onePool, { model: 'chat', modelRewrite: 'v2' })).toMatchObject({
      pool: { key: 'default/qwen' },
      rule: { modelName: 'chat' },
    })
  })
  test('counts for models without one, and not without a pool', () => {
    expect(resolved(onePool, { model: 'llama', modelRewrite: 'v2' })).toBe('default/qwen v2')
    expect(resolved(noPools, { model: 'llama', modelRewrite: 'v2' })).toBe('no pool as it is')
  })
  test('may keep the name', () => expect(targetOf('chat')).toBeUndefined())
  test('needs a model to replace', () => {
    expect(routeOf(onePool, { modelRewrite: 'v2' }).target).toBeUndefined()
  })
  test('does not make a model known', () => {
    expect(resolved(onePool, { model: 'llama', modelRewrite: 'qwen' }, true)).toBe('model_not_found')
  })
  test('is spliced as the JSON of its name', () => {
    expect(targetOf('a"b\\é')?.literal.toString()).toBe('"a\\"b\\\\é"')
  })
  test.each([
    ['', 'an empty one'],
    ['a\tb', 'a tab'],
    ['a\u007f', 'DEL'],
    ['é'.repeat(maxModelBytes / 2 + 1), 'one that is too long'],
  ])('is ignored: %j (%s)', (modelRewrite) => {
    expect(targetOf(modelRewrite)?.name).toBe('lora')
    const request = requestOf({ model: 'qwen', modelRewrite })
    expect(mayRename(onePool, request)).toBe(false)
  })
  test('may be as long as a name in a body', () => {
    const name = 'é'.repeat(maxModelBytes / 2)
    expect(targetOf(name)?.name).toBe(name)
  })
})

describe('priority', () => {
  const catalog = catalogOf({
    pools: ['d/p', 'd/other', 'e/p'],
    models: {
      critical: { pool: 'd/p', targets: { a: 1 }, priority: 1 },
      sheddable: { pool: 'd/p', targets: { a: 1 }, priority: -1 },
      'in-e': { pool: 'e/p', targets: { a: 1 }, priority: 1 },
    },
    objectives: {
      'd/batch': { poolKey: 'd/p', priority: -10 },
      'd/zero': { poolKey: 'd/p', priority: 0 },
      'd/of-other': { poolKey: 'd/other', priority: 7 },
      'e/of-e': { poolKey: 'e/p', priority: 5 },
    },
  })
  test.each<[wanted: number, asked: Asked, why: string]>([
    [1, { model: 'critical' }, 'the criticality of the model'],
    [-1, { model: 'sheddable' }, 'the criticality of the model'],
    [0, { model: 'unknown', poolHint: 'd/p' }, 'no model'],
    [-10, { model: 'critical', objective: 'batch' }, 'the objective goes before the model'],
    [0, { model: 'critical', objective: 'zero' }, 'even if it is 0'],
    [-10, { model: 'unknown', poolHint: 'd/p', objective: 'batch' }, 'it needs no model'],
    [-10, { poolHint: 'd/p', objective: 'batch' }, 'it needs no name'],
    [1, { model: 'critical', objective: 'unknown' }, 'an objective that is not there'],
    [1, { model: 'critical', objective: 'of-other' }, 'an objective of another pool'],
    [1, { model: 'critical', objective: 'of-e' }, 'an objective of another namespace'],
    [1, { model: 'critical', objective: 'd/batch' }, 'a name with a namespace'],
    [1, { model: 'in-e', objective: 'batch' }, 'an objective of another namespace'],
    [5, { model: 'in-e', objective: 'of-e' }, "an objective of the pool's namespace"],
    [0, { model: 'unknown', objective: 'batch' }, 'no pool'],
  ])('%i for %o: %s', (wanted, asked) => {
    expect(routeOf(catalog, asked).priority).toBe(wanted)
  })
})

describe('of any catalog and request', () => {
  const names = ['m', 'n', 'o']
  const poolKeys = ['d/a', 'd/b', 'e/c']
  const name = fc.constantFrom(...names)
  const stickyBy = fc.constantFrom<StickyKey[]>(
    { kind: 'user' },
    { kind: 'prompt-cache-key' },
    { kind: 'header', name: 'x-session' },
    { kind: 'api-key' },
  )
  const split: fc.Arbitrary<SplitInput> = fc.record(
    {
      targets: fc
        .dictionary(name, fc.constantFrom(0, 1), { minKeys: 1 })
        .filter((weights) => Object.values(weights).includes(1)),
      stickyBy,
    },
    { requiredKeys: ['targets'] },
  )
  const rules = fc
    .dictionary(fc.constantFrom(...poolKeys), split, { minKeys: 1 })
    .map((byPool) => Object.entries(byPool).map(([pool, input]): RuleInput => ({ ...input, pool })))
  const world: fc.Arbitrary<CatalogInput> = fc
    .record({
      models: fc.dictionary(name, rules),
      rewrites: fc.dictionary(fc.constantFrom(...poolKeys), fc.dictionary(fc.constantFrom(...names, '*'), split)),
      isOnePool: fc.boolean(),
    })
    .map(({ models, rewrites, isOnePool }) => {
      if (!isOnePool) return { pools: poolKeys, models, rewrites }
      const own = Object.entries(models).map(
        ([model, list]) => [model, list.filter(({ pool }) => pool === 'd/a')] as const,
      )
      return {
        pools: ['d/a'],
        models: Object.fromEntries(own.filter(([, list]) => list.length > 0)),
        rewrites: rewrites['d/a'] === undefined ? {} : { 'd/a': rewrites['d/a'] },
      }
    })
  const asked: fc.Arbitrary<Asked> = fc.record({
    model: fc.constantFrom(...names, 'unknown', undefined),
    poolHint: fc.constantFrom(undefined, undefined, 'd/a', 'd/nowhere'),
    modelRewrite: fc.constantFrom(undefined, undefined, ...names, ''),
  })
  const draw = fc.double({ min: 0, max: 0.999, noNaN: true })
  const drawing = (...shares: number[]) => {
    let next = 0
    return () => shares[next++]
  }

  test('a rewrite never changes the pool that there is without it, nor the priority', () => {
    fc.assert(
      fc.property(world, asked, draw, draw, (input, request, first, second) => {
        const without = resolve(
          catalogOf({ ...input, rewrites: {} }),
          requestOf(request),
          false,
          drawing(first, second),
        )
        const rewritten = resolve(catalogOf(input), requestOf(request), false, drawing(first, second))
        if ('code' in without || 'code' in rewritten) {
          expect(rewritten).toEqual(without)
          return
        }
        if (without.pool !== undefined) expect(rewritten.pool?.key).toBe(without.pool.key)
        expect(rewritten.rule?.source).toBe(without.rule?.source)
        expect(rewritten.priority).toBe(without.priority)
      }),
      { numRuns: 1000 },
    )
  })

  // Thirds and halves: every draw of at most three pools, and of at most three targets.
  const draws = [0, 0.4, 0.5, 0.99]

  test('mayRename says whether some draw does', () => {
    fc.assert(
      fc.property(world, asked, (input, request) => {
        const catalog = catalogOf(input)
        const renames = draws.some((first) =>
          draws.some((second) => {
            const route = resolve(catalog, requestOf(request), false, drawing(first, second))
            return !('code' in route) && route.target !== undefined && route.target.name !== request.model
          }),
        )
        expect(mayRename(catalog, requestOf(request))).toBe(renames)
      }),
      { numRuns: 1000 },
    )
  })

  test('a target of weight 0 is never drawn', () => {
    fc.assert(
      fc.property(world, asked, draw, draw, (input, request, first, second) => {
        const route = resolve(catalogOf(input), requestOf(request), false, drawing(first, second))
        if (!('code' in route)) expect(route.target?.weight).not.toBe(0)
      }),
      { numRuns: 1000 },
    )
  })

  test('lacksStickyKey says whether it asks for a field of the body, and none is there', () => {
    fc.assert(
      fc.property(world, asked, (input, request) => {
        const catalog = catalogOf(input)
        let asksForField = false
        const stickyValue = (key: StickyKey) => {
          asksForField ||= key.kind === 'user' || key.kind === 'prompt-cache-key'
          return undefined
        }
        for (const first of draws) {
          resolve(catalog, { ...requestOf(request), stickyValue }, false, drawing(first, 0))
        }
        expect(lacksStickyKey(catalog, requestOf(request))).toBe(asksForField)
        expect(lacksStickyKey(catalog, { ...requestOf(request), stickyValue: () => '' })).toBe(false)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('hashToShare', () => {
  test('is in [0, 1) and the same for the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const share = hashToShare(text)
        expect(share).toBe(hashToShare(text))
        expect(share >= 0 && share < 1).toBe(true)
      }),
    )
  })
  test.each([
    ['counting', (i: number) => `u${i}`],
    ['padded', (i: number) => `user-${String(i).padStart(12, '0')}`],
    ['one letter repeated', (i: number) => 'x'.repeat(i)],
    ['UTF-16', (i: number) => `${String.fromCodePoint(0x4e00 + (i % 20_000))}${i}`],
  ])('spreads %s evenly', (_name, textOf) => {
    const buckets = new Array<number>(64).fill(0)
    const texts = 6400
    for (let i = 0; i < texts; i++) buckets[Math.floor(hashToShare(textOf(i)) * 64)]++
    const chiSquare = buckets.reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0)
    // 63 degrees of freedom: mean 63, standard deviation 11.2.
    expect(chiSquare).toBeLessThan(63 + 4.5 * 11.2)
  })
})

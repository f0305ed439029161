import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Catalog, StickyKey } from '../../src/catalog/catalog.ts'
import { hashToShare, mayRename, needsUser, type Route, resolve } from '../../src/request/resolve.ts'
import { seededRandom } from '../extproc/play.ts'
import { catalogOf, type RuleInput } from './catalog-of.ts'

type Asked = { model?: string; poolHint?: string; sticky?: Readonly<Record<string, string>> }

/** `pool/target`, or the code of the refusal. */
function resolved(catalog: Catalog, asked: Asked, rejectsUnknown = false, random = () => 0): string {
  const { model, poolHint, sticky = {} } = asked
  const stickyValue = (key: StickyKey) => sticky[key.kind === 'user' ? 'user' : key.name]
  const route = resolve(catalog, { model, poolHint, stickyValue }, rejectsUnknown, random)
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

  const refusalOf = (model: string, catalog = onePool) =>
    resolve(catalog, { model, poolHint: undefined, stickyValue: () => undefined }, true, () => 0)

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
  const baseOf = (model: string | undefined) =>
    (resolve(catalog, { model, poolHint: undefined, stickyValue: () => undefined }, false, () => 0) as Route).baseModel

  test.each([
    ['lora', 'qwen'],
    ['qwen', 'qwen'],
    // By the adapter that it becomes.
    ['chat', 'qwen'],
    ['llama', undefined],
    [undefined, undefined],
  ])('%s: %s', (model, base) => expect(baseOf(model)).toBe(base))
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
      alone: rule({ alone: 1 }, { kind: 'user' }),
    },
  })
  test.each([
    ['plain', false, false],
    ['renamed', false, true],
    ['split', false, true],
    ['byUser', true, true],
    ['byHeader', false, true],
    ['alone', false, false],
    ['unknown', false, false],
  ])('%s: user %s, new name %s', (model, user, rename) => {
    expect(needsUser(catalog, model)).toBe(user)
    expect(mayRename(catalog, model)).toBe(rename)
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

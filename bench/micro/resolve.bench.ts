/** The pool, target and priority of a request, by what its catalog and its headers say. */
import { bench, do_not_optimize, run, summary } from 'mitata'
import { answerModels } from '../../src/request/models-list.ts'
import { lacksStickyKey, mayRename, resolve } from '../../src/request/resolve.ts'
import { catalogOf } from '../../test/request/catalog-of.ts'

const names = Array.from({ length: 200 }, (_, i) => `model-${i}`)
const models = Object.fromEntries(names.map((name) => [name, { pool: 'default/qwen', targets: { a: 9, b: 1 } }]))
const sticky = { targets: { a: 9, b: 1 }, stickyBy: { kind: 'user' } } as const
const plain = catalogOf({
  pools: ['default/qwen'],
  models: { ...models, plain: { pool: 'default/qwen', targets: { plain: 1 } } },
})
const full = catalogOf({
  pools: ['default/qwen'],
  models,
  rewrites: { 'default/qwen': { canary: { targets: { a: 9, b: 1 } }, sticky, '*': { targets: { a: 1 } } } },
  objectives: { 'default/batch': { poolKey: 'default/qwen', priority: -1 } },
})

const asked = (model: string, objective?: string, modelRewrite?: string) => ({
  model,
  poolHint: undefined,
  objective,
  modelRewrite,
  stickyValue: () => 'user-4711',
})

summary(() => {
  for (const [name, catalog, request] of [
    ['one target', plain, asked('plain')],
    ['drawn target', plain, asked('model-7')],
    ['no rule', plain, asked('unknown')],
    ['exact rewrite', full, asked('canary')],
    ['sticky rewrite', full, asked('sticky')],
    ['generic rewrite', full, asked('unknown')],
    ['objective', full, asked('model-7', 'batch')],
    ['header target', plain, asked('model-7', undefined, 'model-8')],
  ] as const) {
    bench(`resolve: ${name}`, () => do_not_optimize(resolve(catalog, request, false, Math.random)))
  }
})

summary(() => {
  const request = asked('model-7')
  bench('lacksStickyKey', () => do_not_optimize(lacksStickyKey(full, request)))
  bench('mayRename', () => do_not_optimize(mayRename(full, request)))
  bench('list of 200 models', () => do_not_optimize(answerModels(plain, '/v1/models', 'openai')))
  bench('one model', () => do_not_optimize(answerModels(plain, '/v1/models/model-7', 'openai')))
  bench('unknown model', () => do_not_optimize(answerModels(plain, '/v1/models/model-x7', 'openai')))
})

await run()

import { expect, test } from 'vitest'
import { compileCatalog } from '../../src/catalog/compile.ts'
import { formatProblem } from '../../src/catalog/problem.ts'
import { adapterMap, type Fields, resource } from './resources.ts'

function compile(...objects: Fields[]) {
  const { catalog, problems } = compileCatalog(objects.map(resource))
  return { baseModels: Object.fromEntries(catalog.baseModels), problems: problems.map(formatProblem) }
}

test('adapters lead to their base model, and base models to themselves', () => {
  expect(compile(adapterMap({ baseModel: 'llama', adapters: '- a\n- b' }))).toEqual({
    baseModels: { llama: 'llama', a: 'llama', b: 'llama' },
    problems: [],
  })
})

test('several ConfigMaps may share a base model, and an adapter of it', () => {
  const first = adapterMap({ baseModel: 'llama', adapters: '- a\n- b' }, { name: 'first' })
  const second = adapterMap({ baseModel: 'llama', adapters: '- b\n- c' }, { name: 'second' })
  expect(compile(first, second)).toEqual({
    baseModels: { llama: 'llama', a: 'llama', b: 'llama', c: 'llama' },
    problems: [],
  })
})

test('an adapter of two base models belongs to the first', () => {
  const first = adapterMap({ baseModel: 'llama', adapters: '- a' }, { name: 'first' })
  const second = adapterMap({ baseModel: 'qwen', adapters: '- a\n- b' }, { name: 'second' })
  expect(compile(first, second)).toEqual({
    baseModels: { llama: 'llama', qwen: 'qwen', a: 'llama', b: 'qwen' },
    problems: [
      'ConfigMap second data.adapters: warning: ConfigMap default/first gives adapter "a" the base model "llama" and was first',
    ],
  })
})

test('a name that is adapter and base model is an adapter', () => {
  const tuned = adapterMap({ baseModel: 'tuned', adapters: '- b' }, { name: 'tuned' })
  const base = adapterMap({ baseModel: 'llama', adapters: '- tuned' }, { name: 'base' })
  expect(compile(tuned, base).baseModels).toEqual({ llama: 'llama', tuned: 'llama', b: 'tuned' })
})

import type { SimContext } from './context.ts'

/** GET /v1/models, as vLLM lists them: the base model, then each adapter with the base model as `parent`. */
export function modelList({ served, createdS }: SimContext) {
  const card = (id: string, parent: string | null) => ({
    id,
    object: 'model',
    created: createdS,
    owned_by: 'vllm',
    root: id,
    parent,
  })
  const adapters = [...served.adapters].map((name) => card(name, served.base))
  return { object: 'list', data: [card(served.base, null), ...adapters] }
}

import { describe, expect, test } from 'vitest'
import { type ApiFormat, answerModels } from '../../src/request/models-list.ts'
import { catalogOf } from './catalog-of.ts'

const catalog = catalogOf({
  pools: ['default/qwen', 'default/llama'],
  models: {
    qwen: { pool: 'default/qwen', targets: { qwen: 1 } },
    'team/chat': { pool: 'default/llama', targets: { 'chat-v1': 9, 'chat-v2': 1 } },
    'our/models': { pool: 'default/llama', targets: { 'our/models': 1 } },
  },
  rewrites: {
    'default/qwen': { canary: { targets: { 'qwen-next': 1 } }, '*': { targets: { qwen: 1 } } },
    'default/llama': { 'team/chat': { targets: { 'chat-v3': 1 } } },
  },
  baseModels: { sql: 'llama', llama: 'llama' },
})

const ids = ['canary', 'llama', 'our/models', 'qwen', 'sql', 'team/chat']

function answer(path: string, format: ApiFormat = 'openai') {
  const reply = answerModels(catalog, path, format)
  return reply && { status: reply.status, body: JSON.parse(reply.body.toString()) }
}

describe('the list', () => {
  test('has every name that can be asked for, in order, and no mere targets', () => {
    expect(answer('/v1/models')).toEqual({
      status: 200,
      body: {
        object: 'list',
        data: [
          { id: 'canary', object: 'model', created: 0, owned_by: 'signalbox' },
          { id: 'llama', object: 'model', created: 0, owned_by: 'signalbox' },
          { id: 'our/models', object: 'model', created: 0, owned_by: 'signalbox' },
          { id: 'qwen', object: 'model', created: 0, owned_by: 'signalbox' },
          { id: 'sql', object: 'model', created: 0, owned_by: 'signalbox', root: 'llama', parent: 'llama' },
          { id: 'team/chat', object: 'model', created: 0, owned_by: 'signalbox' },
        ],
      },
    })
  })

  test('is one page for clients of the Anthropic API', () => {
    const { status, body } = answer('/v1/models', 'anthropic')!
    expect(status).toBe(200)
    expect(body).toEqual({
      data: ids.map((id) => ({ type: 'model', id, display_name: id, created_at: '1970-01-01T00:00:00Z' })),
      has_more: false,
      first_id: 'canary',
      last_id: 'team/chat',
    })
  })

  test('is JSON, and rendered once for a catalog', () => {
    const first = answerModels(catalog, '/v1/models', 'openai')!
    expect(first.headers).toEqual(['content-type', 'application/json'])
    expect(answerModels(catalog, '/v1/models', 'openai')!.body).toBe(first.body)
    expect(answerModels(catalog, '/v1/models', 'anthropic')!.body).not.toBe(first.body)
    const other = catalogOf({ baseModels: { llama: 'llama' } })
    expect(answerModels(other, '/v1/models', 'openai')!.body).not.toEqual(first.body)
  })

  test('is not ours to give where the catalog names no model', () => {
    const silent = catalogOf({
      pools: ['default/qwen'],
      rewrites: { 'default/qwen': { '*': { targets: { qwen: 1 } } } },
    })
    expect(answerModels(silent, '/v1/models', 'openai')).toBeUndefined()
    expect(answerModels(silent, '/v1/models/qwen', 'openai')).toBeUndefined()
  })
})

describe('paths', () => {
  const openaiModel = (id: string) => ({ status: 200, body: expect.objectContaining({ id, object: 'model' }) })
  const list = { status: 200, body: expect.objectContaining({ object: 'list' }) }

  test.each([
    ['/v1/models', list],
    ['/models', list],
    ['/v1/models?limit=1', list],
    ['/v1/models/', list],
    ['/llm/v1/models', list],
    ['/v1/models/qwen', openaiModel('qwen')],
    ['/v1/models/qwen?x=/models', openaiModel('qwen')],
    ['/models/qwen', openaiModel('qwen')],
    ['/llm/v1/models/qwen', openaiModel('qwen')],
    ['/models/of/us/v1/models/qwen', openaiModel('qwen')],
    ['/v1/models/team/chat', openaiModel('team/chat')],
    ['/v1/models/team%2Fchat', openaiModel('team/chat')],
    ['/v1/models/%71wen', openaiModel('qwen')],
    ['/v1/models/our/models', openaiModel('our/models')],
    ['/models/qwen/v1/models', list],
  ])('%s', (path, wanted) => expect(answer(path)).toEqual(wanted))

  test.each([
    '',
    '/',
    '/v1/chat/completions',
    '/v1/modelsx',
    '/v1/mymodels',
    '/v1/model/qwen',
    '/v1?path=/models',
    '/v2/models/qwen/ready',
    '/assets/models/picture.png',
  ])('%j is none of ours', (path) => expect(answer(path)).toBeUndefined())
})

describe('one model', () => {
  test('as each API shows it', () => {
    expect(answer('/v1/models/sql')!.body).toEqual({
      id: 'sql',
      object: 'model',
      created: 0,
      owned_by: 'signalbox',
      root: 'llama',
      parent: 'llama',
    })
    expect(answer('/v1/models/sql', 'anthropic')!.body).toEqual({
      type: 'model',
      id: 'sql',
      display_name: 'sql',
      created_at: '1970-01-01T00:00:00Z',
    })
  })

  test('that is unknown is an error with a near name', () => {
    const message = 'the model "qwem" is not served here; did you mean "qwen"?'
    const code = 'model_not_found'
    expect(answer('/v1/models/qwem')).toEqual({
      status: 404,
      body: { error: { message, type: 'invalid_request_error', param: 'model', code } },
    })
    expect(answer('/v1/models/qwem', 'anthropic')).toEqual({
      status: 404,
      body: { type: 'error', error: { type: 'not_found_error', message } },
    })
  })

  test('that is only a target is unknown', () => {
    expect(answer('/v1/models/chat-v1')!.status).toBe(404)
  })

  test('with broken escapes in its name is unknown by that name', () => {
    const { status, body } = answer('/v1/models/%zz')!
    expect(status).toBe(404)
    expect(body.error.message).toBe('the model "%zz" is not served here')
  })
})

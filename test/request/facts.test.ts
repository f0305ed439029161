import { describe, expect, test } from 'vitest'
import { slot } from '../../src/extproc/headers.ts'
import { createHeaderTable } from '../../src/request/control-headers.ts'
import { checkHeaders, type RequestFacts, readFacts, unknownFacts } from '../../src/request/facts.ts'
import { defaultLimits } from '../../src/request/limits.ts'

type Headers = Partial<
  Record<'method' | 'path' | 'contentType' | 'contentLength' | 'contentEncoding' | 'upgrade', string>
>

function factsOf(headers: Headers, endOfStream = false): RequestFacts {
  const values = new Array(createHeaderTable([]).size).fill(undefined)
  for (const [name, value] of Object.entries(headers)) values[slot[name as keyof Headers]] = value
  return readFacts(values, endOfStream, undefined)
}

describe('inference paths', () => {
  test.each([
    ['/v1/chat/completions', true],
    ['/v1/completions', true],
    ['/v1/responses', true],
    ['/v1/embeddings', true],
    ['/v1/conversations', true],
    ['/v1/messages', true],
    ['/openai/deployments/qwen/chat/completions?api-version=2024-10-21', true],
    ['/chat/completions', true],
    ['/v1/messages?beta=true', true],
    [undefined, true],
    ['/v1/models', false],
    ['/v1/files?next=/v1/chat/completions', false],
    ['/v1/chat/completions/123', false],
    ['/v1/messages/count_tokens', true],
    ['/v1/audio/transcriptions', true],
    ['/tokenize', false],
    ['/mycompletions', false],
    ['/', false],
    ['', false],
  ])('%s: %s', (path, isInference) => {
    expect(factsOf(path === undefined ? {} : { path }).isInference).toBe(isInference)
  })
})

describe('what follows the headers', () => {
  const chat = '/v1/chat/completions'
  const cases: [Headers, endOfStream: boolean, RequestFacts['body']][] = [
    [{ method: 'GET', path: '/v1/models' }, true, 'none'],
    [{ method: 'POST', path: chat }, true, 'none'],
    [{ method: 'POST', path: chat }, false, 'plain'],
    [{ method: 'POST', path: chat, contentType: 'application/json; charset=utf-8' }, false, 'plain'],
    [{ method: 'POST', path: chat, contentType: 'multipart/form-data' }, false, 'plain'],
    [{ method: 'POST', path: chat, contentEncoding: 'gzip' }, false, 'compressed'],
    [{ method: 'POST', path: chat, contentEncoding: 'compress' }, false, 'opaque'],
    [
      { method: 'POST', path: '/v1/audio/transcriptions', contentType: 'multipart/form-data; boundary=x' },
      false,
      'plain',
    ],
    [{ method: 'POST', path: chat, contentEncoding: ' Identity ' }, false, 'plain'],
    [{ method: 'POST', path: chat, contentEncoding: '' }, false, 'plain'],
    [{ method: 'POST', path: '/v1/rerank' }, false, 'plain'],
    [{ method: 'POST', path: '/v1/rerank', contentType: 'application/vnd.api+JSON' }, false, 'plain'],
    [{ method: 'POST', path: '/v1/files', contentType: 'multipart/form-data; boundary=x' }, false, 'opaque'],
    [{ method: 'POST', path: '/v1/rerank', contentType: 'application/json', contentEncoding: 'br' }, false, 'opaque'],
    [{ method: 'GET', path: '/v1/realtime', upgrade: 'websocket' }, false, 'none'],
    [{ method: 'GET', path: '/v1/models' }, false, 'plain'],
    [{ method: 'POST', path: chat, upgrade: 'h2c' }, false, 'plain'],
    [{ method: 'CONNECT', path: '/v1/realtime' }, false, 'none'],
  ]
  test.each(cases)('%j, ended %s: %s', (headers, endOfStream, body) => {
    expect(factsOf(headers, endOfStream).body).toBe(body)
  })
})

describe('declared length', () => {
  test.each([
    ['0', 0],
    ['20971520', 20_971_520],
    [undefined, undefined],
    ['many', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['99999999999999999999', undefined],
  ])('%s: %s', (contentLength, declaredBytes) => {
    expect(factsOf(contentLength === undefined ? {} : { contentLength }).declaredBytes).toBe(declaredBytes)
  })
})

describe('refused at the headers', () => {
  const check = (headers: Headers, endOfStream: boolean, isStrict: boolean) =>
    checkHeaders(factsOf(headers, endOfStream), defaultLimits, isStrict)

  test('a declared length over the limit, strict or not', () => {
    const contentLength = String(defaultLimits.maxBodyBytes + 1)
    for (const isStrict of [true, false]) {
      expect(check({ contentLength }, false, isStrict)).toMatchObject({ code: 'body_too_large', status: 413 })
    }
    expect(check({ contentLength: String(defaultLimits.maxBodyBytes) }, false, true)).toBeUndefined()
  })
  test('an encoded body, where a model has to be read from it', () => {
    const headers = { method: 'POST', contentEncoding: 'compress' }
    expect(check(headers, false, true)).toMatchObject({ code: 'unsupported_encoding', status: 415 })
    expect(check(headers, false, true)?.message).toContain('"compress"')
    expect(check(headers, false, false)).toBeUndefined()
    expect(check({ ...headers, method: 'GET' }, true, true)).toBeUndefined()
  })
  test('a POST without a body, where a model has to be in it', () => {
    expect(check({ method: 'POST' }, true, true)).toMatchObject({ code: 'model_missing', status: 400 })
    expect(check({ method: 'POST' }, true, false)).toBeUndefined()
    expect(check({ method: 'GET' }, true, true)).toBeUndefined()
  })
  test('nothing that is not known', () => {
    expect(checkHeaders(unknownFacts, defaultLimits, true)).toBeUndefined()
  })
})

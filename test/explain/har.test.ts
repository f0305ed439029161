import { describe, expect, test } from 'vitest'
import { HarError, looksLikeHar, readHar } from '../../src/explain/har.ts'

const entry = (method: string, path: string, postData?: object) => ({
  startedDateTime: '2026-01-01T00:00:00Z',
  request: {
    method,
    url: `https://ai.example.com${path}`,
    httpVersion: 'h2',
    headers: [
      { name: ':authority', value: 'ai.example.com' },
      { name: 'Content-Type', value: 'application/json' },
      { name: 'content-length', value: '3' },
    ],
    postData,
  },
  response: {},
})
const json = '{"model":"qwen"}'
const har = JSON.stringify({
  log: {
    version: '1.2',
    entries: [
      entry('GET', '/'),
      entry('POST', '/v1/completions?a=1', { mimeType: 'application/json', text: json }),
      entry('POST', '/two', { text: Buffer.from(json).toString('base64'), encoding: 'base64' }),
    ],
  },
})

describe('a HAR', () => {
  test('gives its first POST as the browser has sent it', () => {
    const { body, ...request } = readHar(har, undefined)
    expect(request).toEqual({
      method: 'POST',
      path: '/v1/completions?a=1',
      headers: [
        ['host', 'ai.example.com'],
        ['content-type', 'application/json'],
      ],
    })
    expect(body.toString()).toBe(json)
  })

  test('gives the entry that is asked for', () => {
    expect(readHar(har, 1)).toMatchObject({ method: 'GET', path: '/' })
    expect(readHar(har, 3).body.toString()).toBe(json)
  })

  test('is known by its beginning', () => {
    expect([har, '{ "log" : {}}', json].map(looksLikeHar)).toEqual([true, true, false])
  })

  test.each([
    ['{', undefined, /is no JSON/],
    ['{"log": {}}', undefined, /is no HAR: log\.entries/],
    [har, 4, /has 3 entries, and --entry asks for 4/],
  ])('says why it cannot be read', (text, at, why) => {
    expect(() => readHar(text, at)).toThrow(HarError)
    expect(() => readHar(text, at)).toThrow(why)
  })
})

import { describe, expect, test } from 'vitest'
import type { Explanation } from '../../src/explain/explanation.ts'
import { createExplain } from '../../src/explain/live.ts'
import { NotServing } from '../../src/explain/not-serving.ts'
import { chat, createStage, model, pool, server } from './stage.ts'

const stage = createStage({
  manifests: [pool('qwen-pool', 'qwen'), model('qwen', 'qwen-pool')],
  // Nobody listens there: 192.0.2.0/24 is for documents, and these are never asked, as they refuse connections.
  servers: [server('qwen-0', 'qwen', '192.0.2.1')],
})
stage.pools.endpointsOf('default/qwen-pool')[0].isReachable = false
const explain = createExplain({ explain: stage.explain, known: () => stage.known })
const ask = (value: unknown, accept?: string) => explain(Buffer.from(JSON.stringify(value)), accept)
const body = JSON.stringify({ model: 'qwen', messages: [] })

describe('POST /explain', () => {
  test('answers the explanation as JSON', async () => {
    const { status, contentType, body: text } = await ask({ body })
    expect([status, contentType]).toEqual([200, 'application/json'])
    const explanation = JSON.parse(text) as Explanation
    expect(explanation).toMatchObject({
      outcome: 'endpoint',
      request: { method: 'POST', path: '/v1/chat/completions' },
    })
    expect(explanation.findings.map(({ id }) => id)).toEqual(['endpoints-not-scraped', 'endpoint-unreachable'])
  })

  test('answers text to those who accept that', async () => {
    const { status, contentType, body: text } = await ask({ body }, 'text/plain')
    expect([status, contentType]).toEqual([200, 'text/plain; charset=utf-8'])
    expect(text).toMatch(
      /^goes to qwen-0 \(192\.0\.2\.1:8000\), the only endpoint of its pool\n\nnote: {2}no endpoint of/,
    )
  })

  test('takes all of a request, and what the proxy says beside it', async () => {
    const given = {
      method: 'post',
      path: '/v1/completions?x=1',
      headers: { Host: 'ai.example.com', 'X-Gateway-Destination-Endpoint': '10.0.0.1:80' },
      bodyBase64: Buffer.from(body).toString('base64'),
      metadata: {
        'x-inference-pool': 'default/qwen-pool',
        'x-gateway-destination-endpoint-subset': '10.0.0.1, 10.0.0.2:80',
      },
    }
    const { request } = JSON.parse((await ask(given)).body) as Explanation
    expect(request).toMatchObject({
      method: 'POST',
      path: '/v1/completions',
      host: 'ai.example.com',
      poolHint: 'default/qwen-pool',
      subset: ['10.0.0.1', '10.0.0.2:80'],
      spoofedHeaders: ['x-gateway-destination-endpoint'],
    })
  })

  test('takes a curl line, but reads no files for it', async () => {
    const curl = `curl http://gateway/v1/chat/completions --json '${body}'`
    expect(JSON.parse((await ask({ curl })).body)).toMatchObject({
      request: { host: 'gateway' },
      model: { asked: 'qwen' },
    })
    const { status, body: text } = await ask({ curl: 'curl http://gateway -d @/etc/passwd' })
    expect([status, text]).toEqual([400, expect.stringContaining('which this server does not read')])
  })

  test.each([
    ['no JSON', 'hello', /^the body is no JSON: /],
    ['an unknown field', '{"bod": "x"}', /Unrecognized key: "bod".*allowed: method, path, headers/],
    ['two bodies', '{"body": "x", "bodyBase64": "eA=="}', /body or bodyBase64: one of them/],
    ['a path without a slash', '{"path": "v1"}', /^path: /],
    ['a curl line that is none', '{"curl": "wget x"}', /begins with curl/],
  ])('%s: 400, and why', async (_, text, why) => {
    const answer = await explain(Buffer.from(text), undefined)
    expect(answer.status).toBe(400)
    expect(answer.body).toMatch(why)
  })

  test('one at a time: another one is told to come again, and may then', async () => {
    const wait = Promise.withResolvers<Explanation>()
    const slow = createExplain({ explain: () => wait.promise, known: () => stage.known })
    const given = Buffer.from(JSON.stringify({ body }))
    const first = slow(given, undefined)
    expect(await slow(given, undefined)).toMatchObject({
      status: 503,
      body: 'another request is being explained; try again\n',
    })
    wait.resolve(await stage.explain(chat({ model: 'qwen' })))
    expect(await first).toMatchObject({ status: 200 })
    expect(await slow(given, undefined)).toMatchObject({ status: 200 })
  })

  test('without anybody who serves: 503, and what to do', async () => {
    const idle = createExplain({ explain: () => Promise.reject(new NotServing('try again')), known: () => stage.known })
    expect(await idle(Buffer.from('{}'), undefined)).toMatchObject({ status: 503, body: 'try again\n' })
  })
})

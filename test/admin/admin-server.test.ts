import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { portOf, serveAdmin } from '../../src/admin/admin-server.ts'
import { maxExplainBytes } from '../../src/admin/limits.ts'
import { samplesOf } from '../../src/pool/exposition.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { flightTo, idle, requestWith, responseWith, routeTo } from '../telemetry/requests.ts'
import { parsePage } from '../telemetry/text-format.ts'
import { metricsOf, serve } from './serving.ts'

const realMetrics = () => createMetrics(idle, { emitsLlmdNames: false }).registry

describe('GET /metrics', () => {
  test('has the metrics of the process', async () => {
    const response = await fetch(`${await serve({ metrics: realMetrics() })}/metrics?x=1`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
    expect(await response.text()).toContain('process_cpu_user_seconds_total')
  })

  test('has the families that are named alone, and nothing for a name that there is not', async () => {
    const url = await serve({ metrics: realMetrics() })
    const query = 'name[]=signalbox_open_exchanges&name[]=process_cpu_user_seconds_total&name[]=no_such_family'
    const families = parsePage(await (await fetch(`${url}/metrics?${query}`)).text())
    expect([...families.keys()].sort()).toEqual(['process_cpu_user_seconds_total', 'signalbox_open_exchanges'])
    expect(families.get('signalbox_open_exchanges')!.samples).toHaveLength(1)
  })

  test('is the text format to the letter, however many series there are', async () => {
    const { registry, conversationObserver } = createMetrics(idle, { emitsLlmdNames: true })
    for (let i = 0; i < 100; i += 1) {
      const request = requestWith({ model: `model-${i}`, fairnessId: `team-${i}` })
      conversationObserver.decided(request, routeTo('default/pool'), flightTo(), 1)
      const usage = { promptTokens: 1, completionTokens: 2, cachedTokens: 0 }
      const response = responseWith({ isStream: true, firstTokenAtMs: 1_500, events: 2, usage })
      conversationObserver.ended(request, flightTo(), response)
    }
    const page = await (await fetch(`${await serve({ metrics: registry })}/metrics`)).text()
    expect(page.length).toBeGreaterThan(5_000_000)
    const families = parsePage(page)
    expect(families.get('llm_d_epp_request_total')!.samples).toHaveLength(100)
    // What reads the pages of model servers reads this one.
    expect(samplesOf(Buffer.from(page), Buffer.from('inference_objective_running_requests'))).toHaveLength(100)
  })

  test('does no harm when who asks goes away in the middle of it', async () => {
    let asked = 0
    async function* pieces() {
      for (asked = 0; asked < 1_000_000; asked += 1) yield 'x'.repeat(65_536)
    }
    const options = { port: 0, host: '127.0.0.1', access: async () => undefined }
    const server = await serveAdmin({ ...options, metrics: { contentType: 'text/plain', pieces } })
    onTestFinished(() => void server.close())
    const stop = new AbortController()
    const response = await fetch(`http://127.0.0.1:${portOf(server)}/metrics`, { signal: stop.signal })
    await response.body!.getReader().read()
    stop.abort()
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
    expect(asked).toBeLessThan(10_000)
  })
})

test('what is not there says what is', async () => {
  const response = await fetch(await serve())
  expect(response.status).toBe(404)
  expect(await response.text()).toBe('there is: /metrics\n')
})

test('another method is 405, with those that there are', async () => {
  const response = await fetch(`${await serve()}/metrics`, { method: 'DELETE' })
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET'])
})

test('who is not let in is told why, on every path', async () => {
  const explain = async () => ({ status: 200, contentType: 'text/plain', body: 'never' })
  const url = await serve({ explain, access: async (_, path) => ({ status: 401, message: `no ${path}` }) })
  const metrics = await fetch(`${url}/metrics`)
  expect([metrics.status, metrics.headers.get('www-authenticate'), await metrics.text()]).toEqual([
    401,
    'Bearer',
    'no /metrics\n',
  ])
  const headers = { 'content-type': 'application/json' }
  expect((await fetch(`${url}/explain`, { method: 'POST', headers, body: '{}' })).status).toBe(401)
})

describe('POST /explain', () => {
  const explain = async (body: Buffer, accept: string | undefined) => {
    return { status: 200, contentType: 'text/plain', body: `${body} as ${accept}` }
  }
  const post = async (body: string, contentType = 'application/json') =>
    fetch(`${await serve({ explain })}/explain`, {
      method: 'POST',
      headers: { 'content-type': contentType, accept: 'text/plain' },
      body,
    })

  test('gives body and accepted types on, and answers what it is told', async () => {
    const response = await post('{"path": "/"}')
    expect([response.status, await response.text()]).toEqual([200, '{"path": "/"} as text/plain'])
  })

  test('takes JSON alone, which no page of another site can send unasked', async () => {
    expect((await post('{}', 'text/plain')).status).toBe(415)
  })

  test('has a limit', async () => {
    const response = await post('x'.repeat(maxExplainBytes + 1)).catch(() => undefined)
    // It may be cut before the answer is read.
    expect([413, undefined]).toContain(response?.status)
    expect((await post('x'.repeat(maxExplainBytes))).status).toBe(200)
  })

  test('is not there when nothing explains', async () => {
    expect((await fetch(`${await serve()}/explain`, { method: 'POST' })).status).toBe(404)
  })
})

test('a port that is taken is an error', async () => {
  const options = { host: '127.0.0.1', access: async () => undefined, metrics: metricsOf(() => '') }
  const taken = await serveAdmin({ ...options, port: 0 })
  onTestFinished(() => void taken.close())
  const { port } = taken.address() as AddressInfo
  await expect(serveAdmin({ ...options, port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
})

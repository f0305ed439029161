import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { envoy } from '../envoy.ts'
import { type Answering, answerIdleMetrics, Upstream } from '../upstream.ts'
import type { Fault } from './faults.ts'
import { expectCounts, noFailures, type Stage, startStage } from './stage.ts'

type Metrics = (response: ServerResponse) => unknown

const page =
  (queued: string, kvUsage: string): Metrics =>
  (response) =>
    response.end(`vllm:num_requests_waiting ${queued}\nvllm:kv_cache_usage_perc ${kvUsage}\n`)

const answerMs = 50

const answerLikeAModel: Answering = ({ body }, response) => {
  const isStream = body.includes('"stream":true')
  const answer = isStream
    ? 'data: {"object":"chat.completion.chunk","model":"qwen","choices":[]}\n\ndata: [DONE]\n\n'
    : '{"object":"chat.completion","model":"qwen","choices":[],"usage":{"total_tokens":2}}'
  const type = isStream ? 'text/event-stream' : 'application/json'
  setTimeout(() => response.writeHead(200, { 'content-type': type }).end(answer), answerMs)
}

/** What the server says in place of its metrics, one after the other. A server that says much queue last gets nothing. */
const spoiled: readonly { readonly fault: Fault; readonly says: readonly Metrics[] }[] = [
  {
    fault: 'Metrics of a model server are slow',
    says: [
      (response) => setTimeout(() => answerIdleMetrics(response), 800),
      () => {},
      (response) => response.write('vllm:num_requests_waiting 0\n'),
    ],
  },
  {
    fault: 'Metrics of a model server lie',
    says: [
      page('NaN', 'NaN'),
      page('-1000000', '-5'),
      (response) => response.end('<html>'),
      (response) => response.end('x 1\n'.repeat(1_250_000)),
      page('1e308', '1e308'),
      page('+Inf', '+Inf'),
    ],
  },
  {
    fault: 'Metrics of a model server are gone',
    says: [(response) => response.writeHead(404).end(), (response) => response.destroy()],
  },
]

describe.skipIf(envoy === undefined)('no request fails, and no server is flooded, while', () => {
  let upstreams: Upstream[]
  let stage: Stage
  beforeAll(async () => {
    upstreams = await Promise.all(['one', 'two', 'three'].map((name) => new Upstream(name, answerLikeAModel).listen()))
    stage = await startStage({ servers: upstreams })
  })
  afterAll(async () => {
    await stage?.stop()
    for (const upstream of upstreams ?? []) await upstream.close()
  })

  test.each(spoiled)('$fault', async ({ fault, says }) => {
    const [liar] = upstreams
    const { during } = await stage.suffer(fault, async () => {
      for (const metrics of says) {
        liar.metrics = metrics
        await stage.traffic.answered(120)
      }
      liar.metrics = answerIdleMetrics
    })
    expectCounts(during, noFailures)
    expect(during.servers.get(liar.name)).toBeGreaterThan(0)
    for (const [name, requests] of during.servers) expect(requests, name).toBeLessThan(0.7 * during.counts.answered)
    // It gets its share again, after a scrape.
    const arrived = liar.arrivals.length
    await expect.poll(() => liar.arrivals.length).toBeGreaterThan(arrived + 10)
  })
})
